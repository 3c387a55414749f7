package mesh

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"btrmesh/btrfs/btrfstest"
	"btrmesh/mesh/control"
)

func TestASnapshotDeletedByHandIsRefusedInWordsAndMendedByAFullSend(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		for _, s := range a.snapshots() {
			if err := a.fake.ReleaseSnapshot(a.ctx(), s, s.Tasks[0]); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		a.wantFailure(task, control.CodeNoCommonSnapshot, "photos-nas-b has no snapshot in common with nas-b any more; a full send of ~")
		a.wantState(task, control.StateRefused, "no snapshot in common")
		if got := a.last(task).Error.Hints; len(got) != 1 || got[0] != "btrmesh task run photos-nas-b --full" {
			t.Errorf("hints: %q", got)
		}
		if got := len(a.snapshots()); got != 0 {
			t.Errorf("%d snapshots of refused runs stay", got)
		}
		a.trigger(task, true)
		if got := a.last(task); got.Kind != "full" || got.Result != control.ResultOK {
			t.Errorf("run %d is %s %s", got.Number, got.Kind, got.Result)
		}
		b.holds(a, "photos")
		if got := len(b.committed(a, "photos")); got != 2 {
			t.Errorf("%d snapshots in the replica, want the old one too", got)
		}
		a.write("photos", map[string]string{"two": "changed"})
		time.Sleep(time.Minute)
		if got := a.last(task); got.Kind != "incremental" || got.Result != control.ResultOK {
			t.Errorf("run %d is %s %s", got.Number, got.Kind, got.Result)
		}
	})
}

func TestAReplicaChangedByHandIsLeftUntouched(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		b.fake.Tamper(b.committed(a, "photos")[0].Snapshot)
		a.write("photos", map[string]string{"two": "changed"})
		time.Sleep(time.Minute)
		a.wantFailure(task, control.CodeReplicaModified, "photos@nas-a on nas-b was made writable by hand; it was left untouched.")
		a.wantState(task, control.StateRefused, "made writable by hand")
		found, err := b.replicas(b.ctx(), control.ReplicasRequest{})
		if err != nil || found[0].State != control.StateRefused || found[0].Reason != "made writable by hand: it is writable" {
			t.Errorf("replicas are %+v, %v", found, err)
		}
		if got := len(b.committed(a, "photos")); got != 1 {
			t.Errorf("%d snapshots in the replica", got)
		}
	})
}

func TestAReplicaChangedByHandIsMendedByAFullSendAsTheHintSays(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		b.fake.Tamper(b.committed(a, "photos")[0].Snapshot)
		time.Sleep(time.Minute)
		a.trigger(task, true)
		if got := a.last(task); got.Result != control.ResultOK {
			t.Errorf("run %d is %s: %s", got.Number, got.Result, got.Reason)
		}
	})
}

func TestTheOperatorsWordForAFullSendOutlivesATryThatFailed(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		for _, s := range a.snapshots() {
			if err := a.fake.ReleaseSnapshot(a.ctx(), s, s.Tasks[0]); err != nil {
				t.Fatal(err)
			}
		}
		a.fake.Inject(fault(btrfstest.OpSend))
		a.trigger(task, true)
		time.Sleep(2 * time.Minute)
		if got := a.last(task); got.Result != control.ResultOK && got.Result != control.ResultUnchanged {
			t.Errorf("run %d is %s: %s", got.Number, got.Result, got.Reason)
		}
	})
}

func TestAPoolThatIsTooSmallRefusesBeforeAnythingIsSent(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		b.fake.Resize(1 << 20)
		a.write("photos", map[string]string{"big": blob(1, 1<<20)})
		time.Sleep(time.Minute)
		a.wantFailure(task, control.CodeNoSpace, "nas-b:tank has 1.0 MiB free, the run needs ~1.0 MiB and the reserve is 5%. Nothing was sent.")
		a.wantState(task, control.StateRefused, "the reserve is 5%")
		if got := a.last(task).DataBytes; got != 0 {
			t.Errorf("%d data bytes", got)
		}
		b.fake.Resize(1 << 30)
		time.Sleep(2 * time.Minute)
		b.holds(a, "photos")
	})
}

func TestAPoolThatFillsUpInMidRunIsNamedAndMendedWhenThereIsRoom(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		b.fake.Inject(btrfstest.Fault{Op: btrfstest.OpReceive, Err: syscall.ENOSPC, Bytes: 100, Every: true})
		a.trigger(task, false)
		a.wantFailure(task, control.CodeNoSpace, "the pool filled up")
		b.fake.Heal()
		mended(t, a, b)
	})
}

func TestABrokenDiskOfTheTargetIsNamedOnBothSides(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		b.fake.Inject(btrfstest.Fault{Op: btrfstest.OpReceive, Err: syscall.EIO, Every: true})
		a.write("photos", map[string]string{"two": "changed"})
		time.Sleep(5 * time.Minute)
		a.untilFailed(task) // the next try may have just begun, or have yet to ask how the last one ended
		a.wantFailure(task, "io", "input/output error")
		if got := len(a.history(task)); got > 20 {
			t.Errorf("%d runs in 5 minutes", got)
		}
		b.fake.Heal()
		time.Sleep(time.Minute)
		b.holds(a, "photos")
	})
}

func TestAReadErrorOfTheSourceKeepsTheOldReplica(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		a.fake.Inject(btrfstest.Fault{Op: btrfstest.OpSend, Err: syscall.EIO, Every: true})
		a.write("photos", map[string]string{"two": "changed"})
		time.Sleep(2 * time.Minute)
		a.wantFailure(task, control.CodeInternal, "input/output error")
		if got := len(b.committed(a, "photos")); got != 1 {
			t.Errorf("%d snapshots in the replica", got)
		}
		a.fake.Heal()
		time.Sleep(2 * time.Minute)
		b.holds(a, "photos")
	})
}

func TestAnErrorAfterTheCommitDoesNotCostTheBase(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		b.fake.Inject(btrfstest.Fault{Op: btrfstest.OpReceive, Err: syscall.EIO, Late: true})
		time.Sleep(2 * time.Minute)
		a.write("photos", map[string]string{"two": "changed"})
		time.Sleep(2 * time.Minute)
		if got := a.last(task); got.Result != control.ResultOK && got.Result != control.ResultUnchanged {
			t.Errorf("%q: %s", a.history(task), got.Reason)
		}
		b.holds(a, "photos")
	})
}

func TestAShareThatIsGoneIsNamed(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		time.Sleep(5 * time.Second)
		a.fake.Inject(btrfstest.Fault{Op: btrfstest.OpShare, Err: syscall.ENOENT, Every: true})
		time.Sleep(time.Minute)
		a.wantFailure(task, control.CodeShareNotFound, `no share "photos" on nas-a.`)
		a.fake.Heal()
		time.Sleep(time.Minute)
		a.wantState(task, control.StateOK, "")
	})
}

func TestTheServiceSwitchedOffThereIsNamedAndCaughtUp(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		if _, err := b.service(b.ctx(), control.SetService{On: false}); err != nil {
			t.Fatal(err)
		}
		a.write("photos", map[string]string{"two": "changed"})
		time.Sleep(time.Minute)
		a.wantFailure(task, control.CodeServiceOff, "the replication service is off on nas-b.")
		time.Sleep(3 * time.Minute)
		if _, err := b.service(b.ctx(), control.SetService{On: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		b.holds(a, "photos")
	})
}

func TestAPoolThatIsNotThereIsWaitedFor(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		time.Sleep(5 * time.Second)
		b.volume.unmount(errors.New("not mounted"))
		b.restart()
		a.write("photos", map[string]string{"two": "changed"})
		time.Sleep(time.Minute)
		a.wantFailure(task, control.CodePoolNotFound, `nas-b has no pool "tank".`)
		b.volume.unmount(nil)
		time.Sleep(90 * time.Second)
		b.holds(a, "photos")
	})
}

func TestASourcePoolThatIsNotThereIsWaitedFor(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		time.Sleep(5 * time.Second)
		a.volume.unmount(errors.New("not mounted"))
		a.restart()
		a.write("photos", map[string]string{"two": "changed"})
		time.Sleep(30 * time.Second)
		a.wantState(task, control.StateWaiting, "pool tank is not mounted")
		time.Sleep(3 * time.Minute)
		a.wantState(task, control.StateLate, "pool tank is not mounted")
		a.wantHistory(task, "1 full ok")
		a.wantWarning(control.Degraded, "pool tank cannot be used: not mounted.")
		a.volume.unmount(nil)
		time.Sleep(15 * time.Second)
		b.holds(a, "photos")
	})
}

func TestWhatATaskWaitsForNowIsSaidRatherThanWhatFailedBefore(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		if _, err := b.denyPool(b.ctx(), control.DenyPool{Pool: "tank", Appliance: "nas-a"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		a.wantState(task, control.StateRefused, "does not let nas-a write")
		if _, err := a.service(a.ctx(), control.SetService{On: false}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := a.shown(task); got.Reason != "service is off" {
			t.Errorf("%s is %s: %q", task, got.State, got.Reason)
		}
	})
}

func TestATargetWhosePoolComesLateStillKnowsWhatItCommitted(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		f.loseAnswer(a, b)
		time.Sleep(3 * time.Second)
		b.crash()
		b.reopen(task, 1) // it died before it could record what it had committed
		f.lose(nil)
		b.volume.unmount(errors.New("not mounted"))
		b.start()
		time.Sleep(time.Minute)
		b.volume.unmount(nil)
		time.Sleep(2 * time.Minute)
		if got := a.history(task)[0]; got != "1 full ok" {
			t.Errorf("first run: %s", got)
		}
	})
}

func TestAnApplianceThatWasForgottenIsTold(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		time.Sleep(5 * time.Second)
		b.forget(a)
		time.Sleep(2 * time.Minute)
		a.wantFailure(task, control.CodePeerRemoved, "nas-b does not count nas-a as a member any more.")
		a.wantState(task, control.StateRefused, "")
	})
}
