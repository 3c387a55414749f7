package mesh

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"btrmesh/mesh/control"
	"btrmesh/state"
)

// edit changes a task of m.
func (m *member) edit(req control.EditTask) control.TaskChange {
	m.t.Helper()
	change, err := m.editTask(m.ctx(), req)
	if err != nil {
		m.t.Fatal(err)
	}
	return change
}

// TestAWindowPausesARunThatGoesOnWhenItOpens: the window shuts at 00:01, in the
// middle of the first run, and opens two minutes later.
func TestAWindowPausesARunThatGoesOnWhenItOpens(t *testing.T) {
	sail(t, 2, func(f *fleet) {
		t := f.t
		a, b := f.nodes[0], f.nodes[1]
		meet(a, b)
		a.newShare("photos", map[string]string{"one": blob(1, 1<<20), "two": blob(2, 1<<20)})
		a.volume.slow(16 << 10)
		task := a.addWith(control.AddTask{Share: "photos", To: b.name, Pool: "tank", EverySeconds: 60, Pace: control.Pace{Window: "00:03-00:01"}})
		time.Sleep(30 * time.Second)
		a.wantState(task, control.StateSending, "")
		time.Sleep(40 * time.Second)
		a.wantState(task, control.StatePaused, "until 00:03")
		if w := a.overview().Warnings; len(w) != 0 {
			t.Errorf("warnings: %+v", w)
		}
		for _, m := range f.nodes {
			m.view(func(tx *state.Tx) error {
				runs, err := tx.Runs(state.RunFilter{})
				if len(runs) != 1 || runs[0].State != state.Paused {
					t.Errorf("runs of %s: %+v", m.name, runs)
				}
				return err
			})
		}
		started, err := a.runTask(a.ctx(), control.RunTask{Task: task})
		if err != nil || started.Waiting != "paused until 00:03" || started.Cure != "btrmesh task edit photos-nas-b --window off" {
			t.Errorf("a run that is asked for: %+v, %v", started, err)
		}
		time.Sleep(time.Minute)
		if got := len(a.sentRuns(task)); got != 1 {
			t.Errorf("%d runs outside of the window", got-1)
		}
		a.volume.slow(0)
		time.Sleep(time.Minute)
		b.holds(a, "photos")
		runs := a.sentRuns(task)
		first, second := runs[len(runs)-1], runs[len(runs)-2]
		if second.SnapshotUUID != first.SnapshotUUID || second.Started.Format("15:04:05") != "00:03:00" {
			t.Errorf("the second run began at %v with %s, not with %s", second.Started, second.Snapshot, first.Snapshot)
		}
	})
}

func TestAWindowThatIsTakenAwayLetsTheTaskRunAtOnce(t *testing.T) {
	sail(t, 2, func(f *fleet) {
		a, b := f.nodes[0], f.nodes[1]
		meet(a, b)
		a.newShare("photos", map[string]string{"one": "1"})
		task := a.addWith(control.AddTask{Share: "photos", To: b.name, Pool: "tank", EverySeconds: 60, Pace: control.Pace{Window: "22:00-06:00"}})
		a.edit(control.EditTask{Task: task, Window: new("12:00-13:00")})
		time.Sleep(3 * time.Second)
		a.wantState(task, control.StatePaused, "until 12:00")
		change := a.edit(control.EditTask{Task: task, Window: new("")})
		if got := fmt.Sprint(change.Changes); got != "[{window 12:00-13:00 → any time}]" {
			f.t.Errorf("changes are %s", got)
		}
		time.Sleep(3 * time.Second)
		b.holds(a, "photos")
	})
}

// TestASmallRunDoesNotWaitForFirstRuns: two first runs hold both slots to nas-b.
func TestASmallRunDoesNotWaitForFirstRuns(t *testing.T) {
	couple(t, 60, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		a.volume.slow(16 << 10)
		for i := range 2 {
			share := fmt.Sprintf("share%d", i)
			a.newShare(share, map[string]string{"a": blob(byte(i), 4<<20)})
			a.add(share, b, 3600)
		}
		time.Sleep(time.Second)
		a.write("photos", map[string]string{"two": "changed"})
		time.Sleep(2 * time.Minute)
		b.holds(a, "photos")
		if runs := a.sentRuns(task); len(runs) < 3 || runs[0].State != state.Done {
			t.Errorf("runs: %+v", runs)
		}
		a.volume.slow(0)
		time.Sleep(10 * time.Minute)
	})
}

// crowd has every other member begin a first run to target, one after the other,
// that takes a minute.
func (f *fleet) crowd(target *member) {
	f.t.Helper()
	for i, m := range f.but(target) {
		code, _ := target.hand(control.CreateInvite{ReceiveInto: "tank"})
		if _, err := m.enter(code, target); err != nil {
			f.t.Fatal(err)
		}
		m.volume.slow(64 << 10)
		share := fmt.Sprintf("share%d", i)
		m.newShare(share, map[string]string{"a": blob(byte(i), 4<<20)})
		m.add(share, target, 3600)
		time.Sleep(time.Second)
	}
}

// TestABusyTargetIsAskedAgainSoon: five sources with one first run each.
func TestABusyTargetIsAskedAgainSoon(t *testing.T) {
	unraced(t)
	sail(t, 6, func(f *fleet) {
		t := f.t
		target := f.nodes[5]
		f.crowd(target)
		last := f.nodes[4]
		time.Sleep(10 * time.Second)
		got := last.shown("share4-nas-f")
		if want := "nas-f: pool tank receives 4 runs already, share0-nas-f, share1-nas-f, share2-nas-f, share3-nas-f (4 at a time)"; got.State != control.StateWaiting || got.Reason != want {
			t.Errorf("state is %s: %s, want waiting: %s", got.State, got.Reason, want)
		}
		if runs := last.sentRuns("share4-nas-f"); len(runs) != 1 || runs[0].State != state.Planned {
			t.Errorf("runs: %+v", runs)
		}
		if got := len(last.snapshots()); got > 1 {
			t.Errorf("%d source snapshots", got)
		}
		if w := last.overview().Warnings; len(w) != 0 {
			t.Errorf("warnings: %+v", w)
		}
		time.Sleep(3 * time.Minute)
		target.holds(last, "share4")
		last.wantHistory("share4-nas-f", "1 full ok")
	})
}

func TestAWaitForABusyTargetOutlivesARestart(t *testing.T) {
	unraced(t)
	sail(t, 6, func(f *fleet) {
		target, last := f.nodes[5], f.nodes[4]
		f.crowd(target)
		time.Sleep(5 * time.Second)
		last.halt()
		last.start()
		time.Sleep(4 * time.Minute)
		target.holds(last, "share4")
		last.wantHistory("share4-nas-f", "1 full ok")
	})
}

// TestAnOutageCostsSecondsMore: after ten minutes without the target a task is
// due in ten minutes at most, and begins within seconds of its return.
func TestAnOutageCostsSecondsMore(t *testing.T) {
	couple(t, 3600, func(f *fleet, a, b *member, task string) {
		t := f.t
		time.Sleep(5 * time.Second)
		a.write("photos", map[string]string{"two": "changed"})
		f.cut(a, b)
		time.Sleep(10 * time.Second)
		if _, err := a.runTask(a.ctx(), control.RunTask{Task: task}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		f.lose(nil)
		healed := time.Now()
		time.Sleep(45 * time.Second)
		b.holds(a, "photos")
		if got := a.sentRuns(task)[0]; got.State != state.Done || got.Started.Sub(healed) > 40*time.Second {
			t.Errorf("%s after %v", got.State, got.Started.Sub(healed))
		}
	})
}

func TestLanesAndLimitsOfAnApplianceAreKept(t *testing.T) {
	couple(t, 3600, func(f *fleet, a, b *member, _ string) {
		t := f.t
		time.Sleep(3 * time.Second)
		if _, err := a.setLanes(a.ctx(), control.SetLanes{Appliance: b.name, Lanes: "quic"}); err != nil {
			t.Fatal(err)
		}
		change, err := a.setLimit(a.ctx(), control.SetLimit{Appliance: b.name, LimitBytesPerSecond: 1 << 20})
		if err != nil || change.Lanes != "quic" || *change.LimitBytesPerSecond != 1<<20 {
			t.Errorf("%+v, %v", change, err)
		}
		a.halt()
		a.start()
		shown, err := a.showAppliance(a.ctx(), control.ApplianceRequest{Appliance: b.name})
		if err != nil || shown.Lanes != "quic" || shown.LimitBytesPerSecond == nil || *shown.LimitBytesPerSecond != 1<<20 {
			t.Errorf("%+v, %v", shown, err)
		}
		_, err = a.setLanes(a.ctx(), control.SetLanes{Appliance: b.name, Lanes: "pigeon"})
		wantCode(t, err, control.CodeBadLanes)
		_, err = a.setLimit(a.ctx(), control.SetLimit{Appliance: b.name, LimitBytesPerSecond: 5})
		wantCode(t, err, control.CodeBadRate)
		_, err = a.setLimit(a.ctx(), control.SetLimit{Appliance: a.name})
		wantCode(t, err, control.CodeSelfTarget)
	})
}

func TestAnEditSaysWhatItChangedOrWhatIsWrong(t *testing.T) {
	couple(t, 3600, func(f *fleet, a, _ *member, task string) {
		t := f.t
		time.Sleep(3 * time.Second)
		change := a.edit(control.EditTask{Task: task, EverySeconds: new(int64(600)), KeepSource: new(int64(3)), KeepTarget: new("7"), LimitBytesPerSecond: new(int64(5 << 20))})
		want := "[{frequency 3600 s → 600 s} {keep here 2 → 3} {keep there last=24,daily=7,weekly=4 → last=7} {limit off → 5.0 MiB/s}]"
		if got := fmt.Sprint(change.Changes); got != want {
			t.Errorf("changes are %s", got)
		}
		if again := a.edit(control.EditTask{Task: task, EverySeconds: new(int64(600))}); !again.Unchanged {
			t.Errorf("the same again: %+v", again)
		}
		dry := a.edit(control.EditTask{Task: task, EverySeconds: new(int64(60)), Dry: control.Dry{DryRun: true}})
		if dry.Plan == nil || dry.Plan.Would != "edit task photos-nas-b" || a.shown(task).EverySeconds != 600 {
			t.Errorf("dry run: %+v", dry)
		}
		for code, req := range map[string]control.EditTask{
			control.CodeFrequencyTooSmall: {EverySeconds: new(int64(30))},
			control.CodeBadWindow:         {Window: new("22:00-22:00")},
			control.CodeBadRate:           {LimitBytesPerSecond: new(int64(-1))},
			control.CodeUsage:             {},
		} {
			req.Task = task
			_, err := a.editTask(a.ctx(), req)
			wantCode(t, err, code)
		}
		if got := a.shown(task); got.EverySeconds != 600 || !strings.Contains(fmt.Sprint(*got.LimitBytesPerSecond), "5242880") {
			t.Errorf("after what was refused: %+v", got)
		}
	})
}

func TestOutsideOfItsWindowATaskGoesOnSlower(t *testing.T) {
	sail(t, 2, func(f *fleet) {
		t := f.t
		a, b := f.nodes[0], f.nodes[1]
		meet(a, b)
		a.newShare("photos", map[string]string{"one": blob(1, 1<<20), "two": blob(2, 1<<20)})
		task := a.addWith(control.AddTask{Share: "photos", To: b.name, Pool: "tank", EverySeconds: 3600, Pace: control.Pace{
			LimitBytesPerSecond: 20 << 10, Window: "23:00-00:01", OutsideBytesPerSecond: 10 << 10,
		}})
		limit := func(want int64) {
			t.Helper()
			p := a.shown(task).Progress
			if p == nil || p.LimitBytesPerSecond == nil || *p.LimitBytesPerSecond != want {
				t.Fatalf("progress is %+v, want a limit of %d", p, want)
			}
		}
		time.Sleep(30 * time.Second)
		limit(20 << 10)
		time.Sleep(20 * time.Second)
		before := a.shown(task).Progress
		if !before.AtLimit || before.DoneBytes > 1200<<10 {
			t.Errorf("after 50 s: %+v", before)
		}
		time.Sleep(15 * time.Second)
		limit(10 << 10)
		a.edit(control.EditTask{Task: task, LimitBytesPerSecond: new(int64(5 << 10))})
		time.Sleep(time.Second)
		limit(5 << 10)
		if _, err := a.setLimit(a.ctx(), control.SetLimit{Appliance: b.name, LimitBytesPerSecond: 2 << 10}); err != nil {
			t.Fatal(err)
		}
		limit(2 << 10)
		if _, err := a.setLimit(a.ctx(), control.SetLimit{Appliance: b.name}); err != nil {
			t.Fatal(err)
		}
		a.edit(control.EditTask{Task: task, LimitBytesPerSecond: new(int64(0)), Window: new("")})
		time.Sleep(20 * time.Second)
		b.holds(a, "photos")
		if runs := a.sentRuns(task); len(runs) != 1 {
			t.Errorf("%d runs, want one", len(runs))
		}
	})
}

// pauseAnyway ends a run as the end of a window does that has not seen that all was
// sent meanwhile.
func (m *member) pauseAnyway(task string) {
	m.t.Helper()
	live, ok := m.runs.get(runKey{side: state.Send, task: task})
	if !ok || live.stored().State != state.Committing {
		m.t.Fatalf("%s is not committing", task)
	}
	live.cancel(&pausedError{until: "until 22:00"})
}

func TestAPauseWhenAllWasSentIsWhatTheTargetMadeOfIt(t *testing.T) {
	for name, c := range map[string]struct {
		slow func(a, b *member)
		want []string
	}{
		"half applied":    {func(_, b *member) { b.volume.slow(256 << 10) }, []string{"1 full paused", "2 full ok"}},
		"being committed": {func(_, b *member) { b.volume.slowCommits(10 * time.Second) }, []string{"1 full ok", "2 unchanged"}},
	} {
		t.Run(name, func(t *testing.T) {
			sail(t, 2, func(f *fleet) {
				a, b := f.nodes[0], f.nodes[1]
				meet(a, b)
				a.newBigShare("photos")
				c.slow(a, b)
				task := a.add("photos", b, 60)
				time.Sleep(5 * time.Second)
				a.pauseAnyway(task)
				time.Sleep(10 * time.Second)
				b.volume.slow(0)
				b.volume.slowCommits(0)
				a.trigger(task, false)
				a.wantHistory(task, c.want...)
				b.wantReceived("photos@nas-a", c.want...)
				b.holds(a, "photos")
				if got := len(a.snapshots()); got != 1 {
					f.t.Errorf("%d source snapshots, want the one that was begun", got)
				}
			})
		})
	}
}
