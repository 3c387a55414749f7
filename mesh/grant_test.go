package mesh

import (
	"cmp"
	"testing"
	"time"

	"btrmesh/mesh/control"
	"btrmesh/state"
)

// allow lets an appliance, a if none is named, write into b's pool on these terms.
func allow(t *testing.T, b *member, terms control.AllowPool) {
	t.Helper()
	terms.Pool, terms.Appliance = "tank", cmp.Or(terms.Appliance, "nas-a")
	if _, err := b.allowPool(b.ctx(), terms); err != nil {
		t.Fatal(err)
	}
}

// deny takes that back.
func deny(t *testing.T, b *member) control.GrantChange {
	t.Helper()
	change, err := b.denyPool(b.ctx(), control.DenyPool{Pool: "tank", Appliance: "nas-a"})
	if err != nil {
		t.Fatal(err)
	}
	return change
}

func TestNothingIsWrittenWithoutAGrant(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		if got := deny(t, b); got.Replicas != 1 || got.StoppedRuns != 0 || got.Unchanged {
			t.Errorf("deny: %+v", got)
		}
		if got := deny(t, b); !got.Unchanged {
			t.Errorf("deny again: %+v", got)
		}
		a.write("photos", map[string]string{"two": "changed"})
		time.Sleep(time.Minute)
		a.wantFailure(task, control.CodeNotGranted, "nas-b does not let nas-a write into pool tank.")
		a.wantState(task, control.StateRefused, "does not let nas-a write")
		a.wantWarning(control.Critical, "photos-nas-b is refused: nas-b does not let nas-a write into pool tank.")
		_, err := a.addTask(a.ctx(), control.AddTask{Share: "photos", To: "nas-b", Pool: "tank", Name: "second", EverySeconds: 60})
		wantCode(t, err, control.CodeNotGranted)
		if got := len(b.committed(a, "photos")); got != 1 {
			t.Errorf("%d snapshots in the replica", got)
		}
		allow(t, b, control.AllowPool{})
		time.Sleep(time.Minute)
		b.holds(a, "photos")
	})
}

func TestAGrantForSomeSharesRefusesTheOthers(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		a.newShare("music", map[string]string{"song": "la"})
		music := a.add("music", b, 60)
		time.Sleep(5 * time.Second)
		allow(t, b, control.AllowPool{Shares: []string{"music"}})
		a.write("photos", map[string]string{"two": "changed"})
		a.write("music", map[string]string{"song": "lala"})
		time.Sleep(time.Minute)
		a.wantFailure(task, control.CodeNotGranted, "nas-b does not let nas-a write into pool tank.")
		b.holds(a, "music")
		a.wantState(music, control.StateOK, "")
	})
}

func TestAGrantWithdrawnInMidRunEndsItOnBothSides(t *testing.T) {
	halfSent(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		if got := deny(t, b); got.StoppedRuns != 1 {
			t.Errorf("deny: %+v", got)
		}
		time.Sleep(2 * time.Second)
		a.wantHistory(task, "1 full failed")
		b.wantReceived("photos@nas-a", "1 full failed")
		a.wantFailure(task, control.CodeNotGranted, "nas-b does not let nas-a write into pool tank.")
		if got := b.run(state.Receive, task, 1); got.Code != "not_granted" {
			t.Errorf("the target says %s: %s", got.Code, got.Error)
		}
	})
}

func TestAGrantWithdrawnDuringTheCommitIsTheSameOnBothSides(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		b.volume.slowCommits(8 * time.Second)
		a.trigger(task, false)
		deny(t, b)
		time.Sleep(20 * time.Second)
		allow(t, b, control.AllowPool{})
		b.volume.slowCommits(0)
		mended(t, a, b)
	})
}

func TestAGrantWithdrawnEndsARunWhoseSourceIsSilent(t *testing.T) {
	halfSent(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		a.volume.slow(8 << 10) // the target waits for a chunk
		time.Sleep(10 * time.Second)
		deny(t, b)
		time.Sleep(5 * time.Second)
		if got := b.run(state.Receive, task, 1).State; got != state.Failed {
			t.Errorf("5 s after the grant was withdrawn the run is %s", got)
		}
		a.volume.slow(0)
		time.Sleep(time.Minute)
	})
}

func TestAQuotaThatARunWouldExceedRefusesIt(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		allow(t, b, control.AllowPool{QuotaBytes: 1 << 20})
		a.write("photos", map[string]string{"big": blob(1, 1<<20)})
		time.Sleep(time.Minute)
		a.wantFailure(task, control.CodeQuotaExceeded, "nas-a has used 0.00 of 1.0 MiB granted in nas-b:tank; this run needs ~1.0 MiB.")
		a.wantState(task, control.StateRefused, "granted in nas-b:tank")
		pools, err := a.api.pools(a.ctx(), control.PoolsRequest{On: "nas-b"})
		if err != nil || len(pools) != 1 || *pools[0].ReceivesFrom[0].QuotaBytes != 1<<20 || *pools[0].ReceivesFrom[0].UsedBytes < 1 {
			t.Errorf("pools on nas-b: %+v, %v", pools, err)
		}
		allow(t, b, control.AllowPool{QuotaBytes: 2 << 20})
		time.Sleep(time.Minute)
		b.holds(a, "photos")
	})
}

func TestATaskIntoAPoolNobodyHasIsRefused(t *testing.T) {
	couple(t, 60, func(f *fleet, a, _ *member, _ string) {
		t := f.t
		for pool, code := range map[string]string{"tonk": control.CodePoolNotFound, "tank": control.CodeTaskExists} {
			_, err := a.addTask(a.ctx(), control.AddTask{Share: "photos", To: "nas-b", Pool: pool, EverySeconds: 60})
			wantCode(t, err, code)
		}
	})
}

func TestTheLongestAgePromisedByAGrantIsKept(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, _ string) {
		t := f.t
		a.halt()
		a.setKeep("photos-nas-b", 2, "1")
		a.start()
		allow(t, b, control.AllowPool{MinKeepSeconds: 300})
		a.churn("photos", 7)
		if got := len(b.committed(a, "photos")); got < 5 || got > 6 {
			t.Errorf("%d snapshots in the replica, want those of 5 minutes", got)
		}
	})
}
