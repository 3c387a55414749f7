package mesh

import (
	"testing"
	"time"

	"btrmesh/mesh/control"
)

func TestACancelledRunIsCancelledOnBothSides(t *testing.T) {
	halfSent(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		change, err := a.cancelTask(a.ctx(), control.CancelTask{Task: task})
		if err != nil || change.Run != 1 || !change.Cancelled {
			t.Fatalf("cancel: %+v, %v", change, err)
		}
		time.Sleep(2 * time.Second)
		a.wantHistory(task, "1 full cancelled")
		b.wantReceived("photos@nas-a", "1 full cancelled")
		mended(t, a, b)
	})
}

func TestACancelledRunIsNotStartedAgainBeforeItsTime(t *testing.T) {
	halfSent(t, 600, func(f *fleet, a, b *member, task string) {
		t := f.t
		f.cut(a, b)
		time.Sleep(40 * time.Second)
		f.lose(nil)
		a.untilRunning(task)
		if _, err := a.cancelTask(a.ctx(), control.CancelTask{Task: task}); err != nil {
			t.Fatal(err)
		}
		runs := len(a.history(task))
		time.Sleep(time.Minute)
		if got := a.history(task); len(got) != runs {
			t.Errorf("it ran again at once: %q", got)
		}
		a.trigger(task, false) // it settles what is open
		mended(t, a, b)
	})
}

func TestWhatDoesNotRunCannotBeCancelled(t *testing.T) {
	couple(t, 60, func(f *fleet, a, _ *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		_, err := a.cancelTask(a.ctx(), control.CancelTask{Task: task})
		wantCode(t, err, control.CodeNotRunning)
	})
}

func TestADisabledTaskFinishesItsRunAndStartsNoOther(t *testing.T) {
	halfSent(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		change, err := a.disableTask(a.ctx(), control.DisableTask{Task: task})
		if err != nil || change.Run != 1 || change.Cancelled {
			t.Fatalf("disable: %+v, %v", change, err)
		}
		time.Sleep(3 * time.Minute)
		a.wantHistory(task, "1 full ok")
		a.wantState(task, control.StateDisabled, "")
		_, err = a.runTask(a.ctx(), control.RunTask{Task: task})
		wantCode(t, err, control.CodeTaskDisabled)
		if again, err := a.disableTask(a.ctx(), control.DisableTask{Task: task}); err != nil || !again.Unchanged {
			t.Errorf("disable again: %+v, %v", again, err)
		}
		if _, err := a.enableTask(a.ctx(), control.EnableTask{Task: task}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		a.wantHistory(task, "1 full ok", "2 unchanged")
		b.holds(a, "photos")
	})
}

func TestATaskDisabledNowEndsItsRun(t *testing.T) {
	halfSent(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		change, err := a.disableTask(a.ctx(), control.DisableTask{Task: task, Now: true})
		if err != nil || change.Run != 1 || !change.Cancelled {
			t.Fatalf("disable: %+v, %v", change, err)
		}
		time.Sleep(3 * time.Minute)
		a.wantHistory(task, "1 full cancelled")
		if got := b.committed(a, "photos"); len(got) != 0 {
			t.Errorf("%d snapshots in the replica", len(got))
		}
	})
}

func TestARunThatIsAskedForWhileRunningIsThatOne(t *testing.T) {
	halfSent(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		started, err := a.runTask(a.ctx(), control.RunTask{Task: task})
		if err != nil || started.Run != 1 || !started.Already {
			t.Errorf("run: %+v, %v", started, err)
		}
		time.Sleep(20 * time.Second)
		a.wantHistory(task, "1 full ok")
		b.holds(a, "photos")
	})
}

func TestTheServiceSwitchedOffHereEndsRunsOnlyWhenTold(t *testing.T) {
	halfSent(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		change, err := a.service(a.ctx(), control.SetService{On: false})
		if err != nil || change.RunningRuns != 1 || change.CancelledRuns != 0 {
			t.Fatalf("service off: %+v, %v", change, err)
		}
		time.Sleep(3 * time.Minute)
		a.wantHistory(task, "1 full ok")
		a.wantState(task, control.StateLate, "service is off")
		_, err = a.runTask(a.ctx(), control.RunTask{Task: task})
		wantCode(t, err, control.CodeServiceOff)
		a.restart()
		time.Sleep(2 * time.Minute)
		a.wantHistory(task, "1 full ok") // a restart does not switch it on
		if _, err := a.service(a.ctx(), control.SetService{On: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		a.wantHistory(task, "1 full ok", "2 unchanged")
		b.holds(a, "photos")
	})
}

func TestTheServiceSwitchedOffNowOnTheSourceCancelsOnBothSides(t *testing.T) {
	halfSent(t, 60, func(f *fleet, a, _ *member, task string) {
		t := f.t
		change, err := a.service(a.ctx(), control.SetService{On: false, Now: true})
		if err != nil || change.CancelledRuns != 1 {
			t.Fatalf("service off: %+v, %v", change, err)
		}
		time.Sleep(2 * time.Second)
		a.wantHistory(task, "1 full cancelled")
	})
}

func TestTheServiceSwitchedOffNowOnTheTargetCancelsOnBothSides(t *testing.T) {
	halfSent(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		change, err := b.service(b.ctx(), control.SetService{On: false, Now: true})
		if err != nil || change.CancelledRuns != 1 {
			t.Fatalf("service off: %+v, %v", change, err)
		}
		time.Sleep(2 * time.Second)
		a.wantHistory(task, "1 full cancelled")
		time.Sleep(2 * time.Minute)
		a.wantFailure(task, control.CodeServiceOff, "the replication service is off on nas-b")
		if _, err := b.service(b.ctx(), control.SetService{On: true}); err != nil {
			t.Fatal(err)
		}
		mended(t, a, b)
	})
}
