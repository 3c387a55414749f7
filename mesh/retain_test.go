package mesh

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"btrmesh/btrfs/btrfstest"
	"btrmesh/mesh/control"
)

// keeping is a couple whose task keeps so much on either side.
func keeping(t *testing.T, source uint32, target string, test func(f *fleet, a, b *member, task string)) {
	t.Helper()
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		a.rekeep(task, source, target)
		test(f, a, b, task)
	})
}

// wantKept checks how many snapshots are on either side.
func wantKept(source, target *member, here, there int) {
	source.t.Helper()
	if h, th := len(source.snapshots()), len(target.committed(source, "photos")); h != here || th != there {
		source.t.Errorf("%d snapshots on the source, %d on the target, want %d and %d", h, th, here, there)
	}
}

func TestRetentionKeepsTheNewestOnBothSides(t *testing.T) {
	keeping(t, 1, "1", func(f *fleet, a, b *member, task string) {
		t := f.t
		a.churn("photos", 10)
		a.write("photos", map[string]string{"two": "2"})
		a.trigger(task, false)
		here, there := a.snapshots(), b.committed(a, "photos")
		if len(here) != 1 || len(there) != 1 || here[0].UUID != there[0].Snapshot {
			t.Errorf("%d snapshots here, %d there, want the newest on both", len(here), len(there))
		}
		if got := a.last(task).Kind; got != "incremental" {
			t.Errorf("the newest run is %q", got)
		}
	})
}

func TestRetentionKeepsWhatTheTaskAsksFor(t *testing.T) {
	keeping(t, 3, "last=5", func(_ *fleet, a, b *member, _ string) {
		a.churn("photos", 7)
		time.Sleep(5 * time.Second)
		wantKept(a, b, 3, 5)
	})
}

func TestWhileTheTargetIsAwayTheCommonSnapshotStays(t *testing.T) {
	keeping(t, 1, "1", func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		f.cut(a, b)
		a.churn("photos", 10)
		f.lose(nil)
		time.Sleep(2 * time.Minute)
		b.holds(a, "photos")
		for _, r := range a.sentRuns(task) {
			if r.Number > 1 && r.Kind.String() == "full" {
				t.Errorf("run %d was full", r.Number)
			}
		}
	})
}

func TestASnapshotThatCannotBeDeletedIsDeletedLater(t *testing.T) {
	keeping(t, 1, "1", func(f *fleet, a, b *member, task string) {
		t := f.t
		a.fake.Inject(fault("ReleaseSnapshot"))
		b.fake.Inject(fault("Delete"))
		a.churn("photos", 5)
		time.Sleep(5 * time.Second)
		wantKept(a, b, 1, 1)
		for _, r := range a.history(task) {
			if strings.Contains(r, "failed") {
				t.Errorf("run %s", r)
			}
		}
	})
}

func TestARunThatComesWhileTheTargetStillPrunesIsNotRefused(t *testing.T) {
	keeping(t, 1, "1", func(f *fleet, a, b *member, task string) {
		t := f.t
		a.churn("photos", 2)
		b.volume.slowDeletes(30 * time.Second)
		a.write("photos", map[string]string{"two": "2"})
		a.trigger(task, false)
		a.write("photos", map[string]string{"two": "3"})
		a.trigger(task, false)
		if got := a.last(task); got.Result != control.ResultOK {
			t.Errorf("run %d is %s: %s", got.Number, got.Result, got.Reason)
		}
		b.holds(a, "photos")
		b.volume.slowDeletes(0)
	})
}

func TestAFullTargetGoesOnByItselfOnceLessIsKept(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		for i := range 6 {
			a.write("photos", map[string]string{"big": blob(byte(i), 1<<20)})
			time.Sleep(time.Minute)
		}
		time.Sleep(time.Minute)
		before := len(b.committed(a, "photos"))
		b.fake.Resize(uint64(before) << 20) // the first was small
		a.write("photos", map[string]string{"big": blob(9, 1<<20)})
		time.Sleep(2 * time.Minute)
		a.wantFailure(task, control.CodeNoSpace, "the reserve is 5%")
		if there := len(b.committed(a, "photos")); there != before {
			t.Errorf("%d of %d snapshots are there, though all were to be kept", there, before)
		}
		a.rekeep(task, 2, "2")
		time.Sleep(5 * time.Minute)
		if there := len(b.committed(a, "photos")); there != 2 {
			t.Errorf("%d snapshots are there, want 2", there)
		}
		b.holds(a, "photos")
		if got := a.last(task).Result; got != control.ResultOK && got != control.ResultUnchanged {
			t.Errorf("the last run is %s", got)
		}
	})
}

func TestAFullSourceGoesOnByItselfOnceLessIsKept(t *testing.T) {
	keeping(t, 5, "5", func(f *fleet, a, b *member, task string) {
		t := f.t
		a.churn("photos", 6)
		time.Sleep(5 * time.Second)
		a.fake.Inject(btrfstest.Fault{Op: btrfstest.OpSnapshot, Err: syscall.ENOSPC, Every: true})
		a.write("photos", map[string]string{"changing": "now"})
		time.Sleep(2 * time.Minute)
		a.wantFailure(task, control.CodeNoSpace, "pool tank on nas-a is full")
		if here := len(a.snapshots()); here != 5 {
			t.Errorf("%d snapshots are here, though 5 were to be kept", here)
		}
		a.rekeep(task, 1, "5")
		time.Sleep(2 * time.Minute)
		if here := len(a.snapshots()); here != 1 {
			t.Errorf("%d snapshots are here, want 1", here)
		}
		a.fake.Heal()
		time.Sleep(2 * time.Minute)
		b.holds(a, "photos")
		if got := a.last(task); got.Kind == "full" {
			t.Errorf("run %d is %s", got.Number, got.Kind)
		}
	})
}
