package mesh

import (
	"fmt"
	"testing"
	"time"

	"btrmesh/mesh/control"
	"btrmesh/state"
)

// runs lists what m recorded of a task as its source, newest first.
func (m *member) sentRuns(task string) []state.Run {
	m.t.Helper()
	var runs []state.Run
	m.view(func(tx *state.Tx) (err error) {
		runs, err = tx.Runs(state.RunFilter{Side: state.Send, Task: task})
		return err
	})
	return runs
}

func TestTheFrequencyIsKept(t *testing.T) {
	couple(t, 120, func(f *fleet, a, _ *member, task string) {
		t := f.t
		time.Sleep(9 * time.Minute)
		runs := a.sentRuns(task)
		if len(runs) != 5 {
			t.Errorf("%d runs in 9 minutes, want 5", len(runs))
		}
		for i := range runs[1:] {
			if gap := runs[i].Started.Sub(runs[i+1].Started); gap < 2*time.Minute || gap > 2*time.Minute+time.Second {
				t.Errorf("run %d began %s after the one before", runs[i].Number, gap)
			}
		}
	})
}

func TestAtMostTwoRunsGoToOneTargetAtOnce(t *testing.T) {
	sail(t, 2, func(f *fleet) {
		t := f.t
		a, b := f.nodes[0], f.nodes[1]
		meet(a, b)
		a.volume.slow(256 << 10)
		var tasks []string
		for i := range 4 {
			share := fmt.Sprintf("share%d", i)
			a.newShare(share, map[string]string{"a": blob(byte(i), 1<<19)})
			tasks = append(tasks, a.add(share, b, 60))
		}
		time.Sleep(time.Second)
		if got := a.shown(tasks[3]); got.State != control.StateWaiting || got.Reason != "waits for runs of share0-nas-b, share1-nas-b to nas-b (2 at a time), 2nd in line" {
			t.Errorf("%s is %s: %q", tasks[3], got.State, got.Reason)
		}
		time.Sleep(20 * time.Second)
		if got := a.volume.atOnce(); got != maxPerPeer {
			t.Errorf("%d runs at once, want %d", got, maxPerPeer)
		}
		for i := range tasks {
			b.holds(a, fmt.Sprintf("share%d", i))
		}
	})
}

func TestAtMostThreeRunsComeFromOnePoolAtOnce(t *testing.T) {
	sail(t, 4, func(f *fleet) {
		t := f.t
		a := f.nodes[0]
		a.volume.slow(256 << 10)
		for i, to := range f.nodes[1:] {
			meet(a, to)
			for j := range 2 {
				share := fmt.Sprintf("share%d%d", i, j)
				a.newShare(share, map[string]string{"a": blob(byte(2*i+j), 1<<19)})
				a.add(share, to, 60)
			}
		}
		time.Sleep(20 * time.Second)
		if got := a.volume.atOnce(); got != maxPerPool {
			t.Errorf("%d runs at once, want %d", got, maxPerPool)
		}
		for i, to := range f.nodes[1:] {
			for j := range 2 {
				to.holds(a, fmt.Sprintf("share%d%d", i, j))
			}
		}
	})
}

func TestATargetThatIsOffIsTriedEverLessOftenAndCaughtUp(t *testing.T) {
	couple(t, 600, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		b.halt()
		a.write("photos", map[string]string{"two": "changed"})
		time.Sleep(20 * time.Minute)
		runs := a.sentRuns(task)
		if n := len(runs); n < 4 || n > 30 {
			t.Errorf("%d runs in 20 minutes of silence", n)
		}
		if gap := runs[0].Started.Sub(runs[1].Started); gap > 11*time.Minute {
			t.Errorf("%s from one try to the next", gap)
		}
		a.wantFailure(task, control.CodePeerUnreachable, "nas-b did not answer at 10.0.0.2:7945 (timeout 5s).")
		a.wantState(task, control.StateLate, "nas-b did not answer at 10.0.0.2:7945 (timeout 5s)")
		a.wantWarning(control.Degraded, "nas-b is offline since ")
		if got := len(a.snapshots()); got != 1 {
			t.Errorf("%d source snapshots: a dead target costs none", got)
		}
		b.start()
		time.Sleep(20 * time.Second)
		b.holds(a, "photos")
		a.wantState(task, control.StateOK, "")
		if w := a.overview().Warnings; len(w) != 0 {
			t.Errorf("warnings: %+v", w)
		}
		if got := a.sentRuns(task)[0].Kind; got != state.Incremental {
			t.Errorf("it was caught up by %s", got)
		}
	})
}

func TestAPartitionHealsByItself(t *testing.T) {
	const long = 10 * time.Minute // a day shows the same, and takes minutes
	couple(t, 300, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		f.cut(a, b)
		a.write("photos", map[string]string{"two": "changed"})
		time.Sleep(long)
		if got := control.Seconds(*a.shown(task).LagSeconds); got < long || got > long+5*time.Minute {
			t.Errorf("lag is %s after the cut", got)
		}
		f.lose(nil)
		time.Sleep(time.Minute)
		b.holds(a, "photos")
		if got := *a.shown(task).LagSeconds; got > 61 {
			t.Errorf("lag is %g s after the cut was mended", got)
		}
	})
}

func TestAShortCutInMidRunIsBridged(t *testing.T) {
	halfSent(t, 60, func(f *fleet, a, b *member, task string) {
		f.cut(a, b)
		time.Sleep(4 * time.Second)
		f.lose(nil)
		time.Sleep(30 * time.Second)
		a.wantHistory(task, "1 full ok")
		b.holds(a, "photos")
	})
}

func TestALongCutInMidRunEndsTheRunAndIsMended(t *testing.T) {
	halfSent(t, 60, func(f *fleet, a, b *member, _ string) {
		t := f.t
		f.cut(a, b)
		time.Sleep(2 * time.Minute)
		f.lose(nil)
		mended(t, a, b)
	})
}

func TestLagGrowsFromCommitToCommitAndFalls(t *testing.T) {
	couple(t, 600, func(f *fleet, a, b *member, task string) {
		t := f.t
		if got := a.shown(task).LagSeconds; got != nil {
			t.Errorf("lag of what was never replicated is %g s", *got)
		}
		time.Sleep(5 * time.Minute)
		here, there := *a.shown(task).LagSeconds, *b.overview().Receive[0].LagSeconds
		if here < 299 || here > 301 || there < 299 || there > 301 {
			t.Errorf("lag is %g s on the source, %g s on the target", here, there)
		}
		a.write("photos", map[string]string{"two": "changed"})
		time.Sleep(5*time.Minute + 10*time.Second)
		here, there = *a.shown(task).LagSeconds, *b.overview().Receive[0].LagSeconds
		if here > 11 || there > 11 {
			t.Errorf("lag is %g s on the source, %g s on the target", here, there)
		}
	})
}

func TestALagThatAWrongClockHidIsShownAgain(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		a.halt()
		a.update(func(tx *state.Tx) error { // as a clock leaves it that was a year ahead
			return updateTask(tx, task, func(t *state.Task) { t.FreshAt = time.Now().Add(365 * 24 * time.Hour) })
		})
		a.start()
		time.Sleep(2 * time.Minute)
		b.halt()
		time.Sleep(5 * time.Minute)
		if got := *a.shown(task).LagSeconds; got < 250 {
			t.Errorf("lag is %g s 5 minutes after the target went off", got)
		}
		b.start()
	})
}

func TestATaskWhoseTimesLieInTheFutureRunsAtOnce(t *testing.T) {
	couple(t, 3600, func(f *fleet, a, _ *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		a.halt()
		a.update(func(tx *state.Tx) error {
			run, _, err := tx.Run(state.Send, a.me, task, 1)
			if err != nil {
				return err
			}
			run.Started = time.Now().Add(365 * 24 * time.Hour)
			return tx.PutRun(run)
		})
		a.start()
		time.Sleep(2 * time.Second)
		if got := len(a.sentRuns(task)); got != 2 {
			t.Errorf("%d runs, want 2", got)
		}
	})
}
