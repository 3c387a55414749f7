package mesh

import (
	"fmt"
	"testing"
	"time"

	"btrmesh/mesh/control"
)

// couple is a and b, paired, with a share on a that has a task to b.
func couple(t *testing.T, every int64, test func(f *fleet, a, b *member, task string)) {
	t.Helper()
	sail(t, 2, func(f *fleet) {
		a, b := f.nodes[0], f.nodes[1]
		meet(a, b)
		a.newShare("photos", map[string]string{"one": "1", "two": "2"})
		test(f, a, b, a.add("photos", b, every))
	})
}

// trio is a source that has met two targets.
func trio(t *testing.T, test func(f *fleet, a, b, c *member)) {
	t.Helper()
	sail(t, 3, func(f *fleet) {
		a, b, c := f.nodes[0], f.nodes[1], f.nodes[2]
		meet(a, b)
		meet(a, c)
		test(f, a, b, c)
	})
}

func TestTwoAppliancesPairAndAShareIsKeptReplicated(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		time.Sleep(5 * time.Second)
		b.holds(a, "photos")
		a.write("photos", map[string]string{"two": "changed", "three": "3"})
		time.Sleep(time.Minute)
		b.holds(a, "photos")
		time.Sleep(2 * time.Minute) // nothing changes
		a.wantHistory(task, "1 full ok", "2 incremental ok", "3 unchanged", "4 unchanged")
		b.wantReceived("photos@nas-a", "1 full ok", "2 incremental ok", "3 unchanged", "4 unchanged")
	})
}

func TestAnUnchangedShareCostsNoSnapshotAndNoData(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		snapshots := len(a.snapshots())
		time.Sleep(6 * time.Minute)
		if got := len(a.snapshots()); got != snapshots {
			t.Errorf("%d source snapshots, want %d", got, snapshots)
		}
		if got := len(b.committed(a, "photos")); got != 1 {
			t.Errorf("%d snapshots in the replica, want 1", got)
		}
		runs, err := a.taskHistory(a.ctx(), control.TaskHistory{Task: task, Limit: 5})
		if err != nil || len(runs) != 5 {
			t.Fatalf("history: %d runs, %v", len(runs), err)
		}
		for _, r := range runs {
			if r.Result != control.ResultUnchanged || r.DataBytes != 0 || r.SentBytes != 0 || r.MetaBytes+r.MetaInBytes > 2048 {
				t.Errorf("run %d is %s with %d data bytes, %d of meta out and %d in", r.Number, r.Result, r.DataBytes, r.MetaBytes, r.MetaInBytes)
			}
		}
		if lag := *a.shown(task).LagSeconds; lag > 61 {
			t.Errorf("lag is %g s: an unchanged share that was checked is fresh", lag)
		}
	})
}

func TestARemovedFileIsRemovedFromTheReplica(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, _ string) {
		t := f.t
		time.Sleep(5 * time.Second)
		if err := a.fake.RemoveFile("photos", "one"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		b.holds(a, "photos")
	})
}

func TestBothAppliancesReplicateToEachOther(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, _ string) {
		t := f.t
		if _, err := a.allowPool(a.ctx(), control.AllowPool{Pool: "tank", Appliance: "nas-b"}); err != nil {
			t.Fatal(err)
		}
		b.newShare("photos", map[string]string{"other": "share of the same name"})
		back := b.add("photos", a, 60)
		time.Sleep(170 * time.Second)
		b.holds(a, "photos")
		a.holds(b, "photos")
		b.wantHistory(back, "1 full ok", "2 unchanged", "3 unchanged")
	})
}

func TestTwoTasksOfOneShareGoToTwoTargets(t *testing.T) {
	trio(t, func(f *fleet, a, b, c *member) {
		t := f.t
		a.newShare("photos", map[string]string{"one": "1"})
		toB, toC := a.add("photos", b, 60), a.add("photos", c, 90)
		for i := range 6 {
			time.Sleep(47 * time.Second)
			a.write("photos", map[string]string{"n": fmt.Sprint(i)})
		}
		time.Sleep(2 * time.Minute)
		b.holds(a, "photos")
		c.holds(a, "photos")
		for _, task := range []string{toB, toC} {
			for _, r := range a.history(task)[1:] {
				if r[len(r)-2:] != "ok" && r[len(r)-9:] != "unchanged" {
					t.Errorf("%s: run %s", task, r)
				}
			}
			if got := a.last(task).Kind; got == "full" {
				t.Errorf("%s ended with a full send", task)
			}
		}
	})
}

func TestTwoTasksOfAnUnchangedShareStayQuiet(t *testing.T) {
	trio(t, func(f *fleet, a, b, c *member) {
		t := f.t
		a.newShare("photos", map[string]string{"one": "1"})
		toB, toC := a.add("photos", b, 60), a.add("photos", c, 60)
		time.Sleep(150 * time.Second)
		for _, task := range []string{toB, toC} {
			if got := a.last(task).Result; got != control.ResultUnchanged {
				t.Errorf("%s: %q", task, a.history(task))
			}
		}
	})
}

func TestASourceThatLostItsDatabaseGoesOnIncrementally(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		a.loseDatabase()
		inv, err := b.invite(b.ctx(), control.CreateInvite{ReceiveInto: "tank"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.api.join(a.ctx(), control.JoinMesh{Code: inv.Code, Address: b.address()}); err != nil {
			t.Fatal(err)
		}
		a.write("photos", map[string]string{"two": "changed"})
		if again := a.add("photos", b, 60); again != task {
			t.Errorf("task is called %s, want %s", again, task)
		}
		time.Sleep(5 * time.Second)
		a.wantHistory(task, "1 incremental ok")
		b.holds(a, "photos")
	})
}

func TestATargetThatLostItsDatabaseShowsItsReplicasAndGoesOn(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		b.loseDatabase()
		found, err := b.replicas(b.ctx(), control.ReplicasRequest{})
		if err != nil || len(found) != 1 || found[0].Share != "photos" || *found[0].Snapshots != 1 {
			t.Errorf("replicas are %+v, %v", found, err)
		}
		meet(a, b)
		a.write("photos", map[string]string{"two": "changed"})
		time.Sleep(2 * time.Minute)
		if got := a.history(task); got[len(got)-1] == "1 full ok" || a.last(task).Kind == "full" {
			t.Errorf("history: %q", got)
		}
		b.holds(a, "photos")
	})
}
