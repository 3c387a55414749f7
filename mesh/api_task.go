package mesh

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"btrmesh/mesh/control"
	"btrmesh/mesh/plan"
	"btrmesh/state"
)

// defaultKeepSource is how many snapshots stay on the source unless told else.
const defaultKeepSource = 2

// taskNames is the rule for the names of tasks.
func taskNameOK(name string) bool {
	return len(name) <= 63 && regexp.MustCompile(`^[A-Za-z0-9_.-]+$`).MatchString(name)
}

// tasks lists the tasks of this appliance.
func (a api) tasks(_ context.Context, req control.TasksRequest) ([]control.Task, error) {
	list := []control.Task{}
	err := a.store.View(func(tx *state.Tx) error {
		all, err := tx.Tasks()
		if err != nil {
			return err
		}
		for _, t := range all {
			shown, err := a.shownTask(tx, t, time.Now().UTC())
			if err != nil {
				return err
			}
			if wanted(shown, req) {
				list = append(list, shown)
			}
		}
		return nil
	})
	return list, err
}

func wanted(t control.Task, req control.TasksRequest) bool {
	return (!req.Enabled || t.Enabled) && (!req.Disabled || !t.Enabled) && (!req.Late || t.State == control.StateLate)
}

// task shows one task in full.
func (a api) task(_ context.Context, req control.TaskRequest) (control.Task, error) {
	var shown control.Task
	err := a.store.View(func(tx *state.Tx) error {
		t, err := a.findTask(tx, req.Task)
		if err != nil {
			return err
		}
		shown, err = a.shownTask(tx, t, time.Now().UTC())
		if err != nil {
			return err
		}
		return a.fillTask(tx, t, &shown)
	})
	return shown, err
}

// fillTask adds what only task show tells.
func (a api) fillTask(tx *state.Tx, t state.Task, shown *control.Task) error {
	shown.CreatedAt, shown.KeepSource, shown.KeepTarget = t.Created, int64(t.KeepSource), t.KeepTarget
	shown.Base, shown.Replica, shown.ReplicaPath = t.LastCommitted, t.Share+"@"+a.name(), t.ReplicaPath
	rec, ok, err := lastRun(tx, t.Name)
	if live, running := a.runs.get(runKey{side: state.Send, task: t.Name}); running {
		rec, ok = live.record(), true
	}
	if ok {
		shown.Streams = streamsOf(rec)
	}
	return err
}

func streamsOf(rec state.Run) *control.Streams {
	s := &control.Streams{
		MetaOutBytes: rec.MetaOutBytes, MetaInBytes: rec.MetaInBytes, DataOutBytes: rec.DataBytes, Codec: "zstd",
		Transport: rec.LaneKind, Lanes: int64(rec.Lanes), LanesReplaced: int64(rec.LanesReplaced), LanesReason: rec.LanesWhy, WireBytes: rec.WireBytes,
	}
	if rec.Chunks != (state.Chunks{}) {
		s.Chunks = new(control.Chunks(rec.Chunks))
	}
	if rec.DataBytes > 0 {
		ratio := float64(rec.StreamBytes) / float64(rec.DataBytes)
		s.Ratio = &ratio
	}
	return s
}

// findTask returns the task that a name or a unique prefix of one means.
func (a api) findTask(tx *state.Tx, given string) (state.Task, error) {
	all, err := tx.Tasks()
	if err != nil {
		return state.Task{}, err
	}
	names := make([]string, 0, len(all))
	for _, t := range all {
		names = append(names, t.Name)
	}
	name, err := control.Resolve("task", given, names)
	var no *control.Error
	if errors.As(err, &no) && no.Code == control.CodeTaskNotFound {
		return state.Task{}, control.TaskNotFound(given, names)
	}
	if err != nil {
		return state.Task{}, err
	}
	return taskNamed(tx, name)
}

// shownTask is the row of a task.
func (a api) shownTask(tx *state.Tx, t state.Task, now time.Time) (control.Task, error) {
	shown := control.Task{
		Name: t.Name, Share: t.Share, Pool: t.PoolName, Target: a.peerName(tx, t.Target), TargetPool: t.TargetPool,
		EverySeconds: int64(t.EverySeconds), Enabled: t.Enabled, ChangedAt: t.Changed, Window: t.Window,
		LimitBytesPerSecond: bytesUnlessZero(t.LimitBytes), OutsideBytesPerSecond: bytesUnlessZero(t.OutsideBytes),
	}
	lag, known := plan.Lag(t.FreshAt, now)
	if known {
		shown.LagSeconds = seconds(lag)
	}
	last, err := a.lastEnded(tx, t)
	if err != nil {
		return shown, err
	}
	if last != nil {
		shown.Last = &control.LastRun{Run: last.Number, Result: resultOf(*last), Reason: reasonOf(*last), At: last.Ended, Company: companyOf(*last)}
	}
	step := a.steps.get(t.Name)
	live, running := a.runs.get(runKey{side: state.Send, task: t.Name})
	if running {
		p := a.shownProgress(live, a.peerName(tx, t.Target), now)
		shown.Progress = &p
	} else {
		shown.NextAt = step.Until
	}
	shown.State, shown.Reason = taskState(t, running, lag, known, last, step)
	return shown, nil
}

// bytesUnlessZero is nil for a limit that is off.
func bytesUnlessZero(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

// lastEnded returns the newest run of a task that is over; nil if there is none.
func (a api) lastEnded(tx *state.Tx, t state.Task) (*state.Run, error) {
	runs, err := tx.Runs(state.RunFilter{Side: state.Send, Task: t.Name, Limit: 3})
	for _, r := range runs {
		if r.State.Final() {
			return &r, err
		}
	}
	return nil, err
}

// taskState says where a task stands and why. What it waits for now counts more
// than what failed before.
func taskState(t state.Task, running bool, lag time.Duration, known bool, last *state.Run, step plan.Step) (control.State, string) {
	held := step.Kind == plan.Wait && (step.Until.IsZero() || t.Busy != "") // by an event, not by time
	failed := t.Failures > 0 && last != nil && !held
	why := step.Reason
	switch {
	case t.Busy != "":
		why = t.Busy
	case failed:
		why = reasonOf(*last)
	}
	switch every := patience(int64(t.EverySeconds), hoursOf(t)); {
	case running:
		return control.StateSending, ""
	case !t.Enabled:
		return control.StateDisabled, ""
	case failed && refusedCode(last.Code):
		return control.StateRefused, why
	case step.Kind == plan.Pause && (!known || !plan.Late(lag, every)):
		return control.StatePaused, strings.TrimPrefix(step.Reason, "paused ")
	case known && plan.Late(lag, every):
		return control.StateLate, why
	case failed:
		return control.StateFailed, why
	case !known || held:
		return control.StateWaiting, why
	}
	return control.StateOK, ""
}

// patience is how old what was committed may be without any fault: for as long as
// its window is shut a task cannot be at fault.
func patience(everySeconds int64, h plan.Hours) time.Duration {
	every := time.Duration(everySeconds) * time.Second
	if h.Outside > 0 {
		return every
	}
	return every + h.Window.Shut()
}

// refusedCode tells the failures that time alone does not mend.
func refusedCode(code string) bool {
	switch code {
	case control.CodeNotGranted, control.CodePoolNotFound, control.CodeNoSpace, control.CodeQuotaExceeded,
		control.CodeReplicaModified, control.CodeReplicaPromoted, control.CodeNoCommonSnapshot, control.CodePeerRemoved:
		return true
	}
	return false
}

func (a api) enableTask(_ context.Context, req control.EnableTask) (control.TaskChange, error) {
	return a.setEnabled(req.Task, true, req.DryRun)
}

// disableTask ends nothing that is running unless told so: tasks are never
// deleted, so that their history stays.
func (a api) disableTask(_ context.Context, req control.DisableTask) (control.TaskChange, error) {
	change, err := a.setEnabled(req.Task, false, req.DryRun)
	if err != nil || req.DryRun {
		return change, err
	}
	if live, ok := a.runs.get(runKey{side: state.Send, task: change.Task.Name}); ok {
		change.Run = live.record().Number
		if req.Now {
			live.cancel(errCancelled)
			change.Cancelled = true
		}
	}
	return change, nil
}

func (a api) setEnabled(given string, on, dry bool) (control.TaskChange, error) {
	var change control.TaskChange
	var name string
	err := a.change(dry, func(tx *state.Tx) error {
		t, err := a.findTask(tx, given)
		if err != nil {
			return err
		}
		name, change.Unchanged = t.Name, t.Enabled == on
		if t.Enabled != on {
			t.Enabled, t.Changed = on, time.Now().UTC()
			t.Failures, t.NextTry = 0, time.Time{}
		}
		shown, err := a.shownTask(tx, t, time.Now().UTC())
		change.Task = &shown
		return errors.Join(err, tx.PutTask(t))
	})
	if err != nil {
		return change, err
	}
	if dry {
		verb := map[bool]string{true: "enable", false: "disable"}[on]
		return control.TaskChange{Plan: &control.Plan{Would: fmt.Sprintf("%s task %s", verb, name)}}, nil
	}
	if !change.Unchanged {
		a.log.Info("task switched", "task", name, "enabled", on)
	}
	a.wakeUp()
	return change, nil
}
