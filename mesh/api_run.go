package mesh

import (
	"context"
	"strings"
	"time"

	"btrmesh/mesh/control"
	"btrmesh/mesh/plan"
	"btrmesh/state"
)

// pollInterval is how often something followed is looked at: 2 Hz.
const pollInterval = 500 * time.Millisecond

// poll calls look at once and then twice a second until it says done, and as soon
// as what turned returns is closed; nil: nothing is.
func poll(ctx context.Context, turned func() <-chan struct{}, look func() (done bool, err error)) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		var news <-chan struct{}
		if turned != nil {
			news = turned() // before the look, or something could happen between
		}
		if done, err := look(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		case <-news:
		}
	}
}

// runTask asks for a run as soon as possible.
func (a api) runTask(_ context.Context, req control.RunTask) (control.RunStarted, error) {
	var started control.RunStarted
	var hours plan.Hours
	err := a.store.Update(func(tx *state.Tx) error {
		t, err := a.findTask(tx, req.Task)
		if err != nil {
			return err
		}
		if !t.Enabled {
			return control.TaskDisabled(t.Name)
		}
		me, _, err := tx.Appliance()
		if err != nil {
			return err
		}
		if me.ServiceOff {
			return control.ServiceOff(a.name(), true)
		}
		started.Task, started.Run, hours = t.Name, max(t.NextRun, 1), hoursOf(t)
		if live, ok := a.runs.get(runKey{side: state.Send, task: t.Name}); ok {
			started.Run, started.Already = live.record().Number, true
			return nil
		}
		t.RunRequested, t.FullRequested = time.Now().UTC(), t.FullRequested || req.Full
		return tx.PutTask(t)
	})
	if err != nil {
		return started, err
	}
	if !started.Already {
		step := a.steps.get(started.Task)
		started.Waiting, started.Cure = awaits(started.Task, step, hours.At(time.Now(), a.zone))
	}
	a.wakeUp()
	return started, nil
}

// awaits says what a requested run has to wait for, and the command for whoever
// does not want it to; nothing if it starts.
func awaits(task string, step plan.Step, allowed plan.Allowance) (waiting, cure string) {
	switch {
	case !allowed.Run:
		return allowed.Reason, "btrmesh task edit " + task + " --window off"
	case step.Until.IsZero():
		return step.Reason, ""
	}
	return "", ""
}

// cancelTask ends the running transfer of a task.
func (a api) cancelTask(_ context.Context, req control.CancelTask) (control.TaskChange, error) {
	var t state.Task
	var shown control.Task
	err := a.store.View(func(tx *state.Tx) (err error) {
		if t, err = a.findTask(tx, req.Task); err != nil {
			return err
		}
		shown, err = a.shownTask(tx, t, time.Now().UTC())
		return err
	})
	if err != nil {
		return control.TaskChange{}, err
	}
	live, ok := a.runs.get(runKey{side: state.Send, task: t.Name})
	if !ok {
		return control.TaskChange{}, control.NotRunning(t.Name)
	}
	live.cancel(errCancelled)
	return control.TaskChange{Task: &shown, Run: live.record().Number, Cancelled: true}, nil
}

// taskHistory lists the newest runs of a task, newest first.
func (a api) taskHistory(_ context.Context, req control.TaskHistory) ([]control.Run, error) {
	list := []control.Run{}
	err := a.store.View(func(tx *state.Tx) error {
		t, err := a.findTask(tx, req.Task)
		if err != nil {
			return err
		}
		limit := limitOf(req.Limit)
		all, err := tx.Runs(state.RunFilter{Side: state.Send, Task: t.Name, Since: sinceOf(req.SinceSeconds)})
		madeUp := uint64(0)
		for _, rec := range all {
			rec = a.asItStands(rec)
			if shown := a.shownRun(tx, rec, madeUp); !req.Failed || shown.Result == control.ResultFailed {
				list = append(list, shown)
			}
			if rec.State == state.Done {
				madeUp = rec.Number
			}
		}
		list = list[:min(len(list), limit)]
		return err
	})
	return list, err
}

func limitOf(n int64) int {
	if n <= 0 {
		return 20
	}
	return int(min(n, 10000))
}

func sinceOf(s int64) time.Time {
	if s <= 0 {
		return time.Time{}
	}
	return time.Now().Add(-control.Seconds(float64(s)))
}

// shownRun is the row of a run. madeUp is the next later run that brought the
// replica up to date, 0 if there is none.
func (a api) shownRun(tx *state.Tx, rec state.Run, madeUp uint64) control.Run {
	shown := control.Run{
		Number: rec.Number, Task: rec.Task, Share: rec.Share, Target: a.peerName(tx, rec.Peer), TargetPool: rec.Pool,
		StartedAt: rec.Started, EndedAt: rec.Ended, SentBytes: rec.StreamBytes, DataBytes: rec.DataBytes,
		MetaBytes: rec.MetaOutBytes, MetaInBytes: rec.MetaInBytes, ResumedBytes: rec.ResumedBytes, Result: resultOf(rec),
		Company: companyOf(rec),
	}
	if rec.Lanes > 0 {
		shown.Streams = streamsOf(rec)
	}
	shown.Kind, shown.Snapshot = contentOf(rec)
	shown.TookSeconds, shown.BytesPerSecond = paceOfRun(rec)
	if !rec.State.Final() {
		p := progressOf(rec, shown.Target, 0)
		if awaitsTurn(rec) {
			p.State, p.Reason = control.StateWaiting, reasonOf(rec)
		}
		shown.Progress = &p
		return shown
	}
	if rec.Error != "" {
		shown.Reason = reasonOf(rec)
		shown.Error = &control.Error{Code: rec.Code, Exit: control.ExitTransfer, Msg: rec.Error, Hints: rec.Hints}
	}
	if rec.State != state.Done {
		shown.MadeUpBy = madeUp
	}
	return shown
}

// companyOf is with whom a run sends.
func companyOf(rec state.Run) control.Company {
	return control.Company{Together: rec.Together, ApartBytes: rec.ApartBytes}
}

// resultOf is how a run ended, in a history's words.
func resultOf(rec state.Run) control.Result {
	switch {
	case rec.State == state.Done && rec.Kind == state.Unchanged:
		return control.ResultUnchanged
	case rec.State == state.Done:
		return control.ResultOK
	case rec.State == state.Cancelled:
		return control.ResultCancelled
	case rec.State == state.Paused:
		return control.ResultPaused
	case rec.State == state.Failed:
		return control.ResultFailed
	}
	return control.ResultRunning
}

// reasonOf is why a run failed, without the full stop.
func reasonOf(rec state.Run) string { return strings.TrimSuffix(rec.Error, ".") }

// followRun tells how far a run has come until it is over. A run that has not
// begun yet is waited for.
func (a api) followRun(ctx context.Context, req control.FollowRun, send func(control.Progress) error) error {
	var task state.Task
	err := a.store.View(func(tx *state.Tx) (err error) {
		task, err = a.findTask(tx, req.Task)
		return err
	})
	if err != nil {
		return err
	}
	if req.Run == 0 || req.Run > max(task.NextRun, 1) {
		return control.RunNotFound(task.Name, req.Run)
	}
	return poll(ctx, a.runs.turned, func() (bool, error) {
		p, err := a.progressAt(task.Name, req.Run, time.Now().UTC())
		if err != nil {
			return false, err
		}
		return p.Result != nil, send(p)
	})
}

// progressAt is how far one run has come now.
func (a api) progressAt(task string, number uint64, now time.Time) (control.Progress, error) {
	var p control.Progress
	err := a.store.View(func(tx *state.Tx) error {
		rec, ok, err := tx.Run(state.Send, a.me, task, number)
		if err != nil {
			return err
		}
		if !ok {
			step := a.steps.get(task)
			p = control.Progress{Task: task, Run: number, State: control.StateWaiting, Reason: step.Reason}
			return nil
		}
		target := a.peerName(tx, rec.Peer)
		live, running := a.runs.get(keyOf(rec))
		switch {
		case rec.State.Final():
			p = progressOf(rec, target, 0)
			result := a.shownRun(tx, rec, 0)
			p.Result = &result
		case running && live.record().Number == number:
			p = a.shownProgress(live, target, now)
		case awaitsTurn(rec):
			p = progressOf(rec, target, 0)
			p.State, p.Reason = control.StateWaiting, reasonOf(rec)
		default:
			p = progressOf(rec, target, 0)
			p.State, p.Reason = control.StateWaiting, "the answer of "+target+" was lost; the next run asks for it"
		}
		return nil
	})
	return p, err
}

// progressOf is the progress of a run at a rate; 0: not known.
func progressOf(rec state.Run, target string, rate float64) control.Progress {
	p := control.Progress{
		Task: rec.Task, Run: rec.Number, Share: rec.Share, Target: target, State: control.StateSending,
		Kind: rec.Kind.String(), StartedAt: rec.Started, DoneBytes: rec.AppliedBytes,
		Company: companyOf(rec),
	}
	if rec.Side == state.Receive {
		p.State = control.StateReceiving
	}
	if rec.EstimateBytes > 0 {
		p.EstimateBytes = &rec.EstimateBytes
	}
	if rate > 0 {
		p.BytesPerSecond = &rate
	}
	return p
}

// nearLimit is the part of a limit from which on it is what holds a run back.
const nearLimit = 0.8

// shownProgress is the progress of a live run, with its rate and its limit.
func (n *Node) shownProgress(r *run, target string, now time.Time) control.Progress {
	rec := r.record()
	p := progressOf(rec, target, r.rate(now, rec.AppliedBytes))
	if rec.Side != state.Send {
		return p
	}
	if limit := n.heldTo(rec); limit > 0 {
		p.LimitBytesPerSecond = &limit
		p.AtLimit = r.lineRate(now, max(rec.WireBytes, rec.DataBytes)) >= nearLimit*float64(limit)
	}
	return p
}
