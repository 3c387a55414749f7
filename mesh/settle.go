package mesh

import (
	"context"
	"errors"
	"time"

	"btrmesh/btrfs"
	"btrmesh/mesh/control"
	"btrmesh/mesh/plan"
	"btrmesh/state"
	"btrmesh/stream"
)

// markFresh notes on the task what the target holds and since when.
func (s *sending) markFresh(tx *state.Tx, base btrfs.UUID, name string, at time.Time) error {
	return updateTask(tx, s.task.Name, func(t *state.Task) {
		t.Base, t.LastCommitted = base, name
		t.ShareUUID = s.share.UUID
		if at.After(t.FreshAt) || t.FreshAt.After(time.Now()) { // a clock that was ahead
			t.FreshAt = at
		}
		t.Failures, t.NextTry = 0, time.Time{}
	})
}

// settle closes earlier runs whose answer was lost: the target says how they
// ended.
func (s *sending) settle(open []state.Run, have stream.Have) error {
	for _, rec := range open {
		r := &run{store: s.node.store, log: s.node.log, rec: rec}
		if err := s.settleOne(r, toldEnd(rec, have), have); err != nil {
			return err
		}
	}
	return nil
}

// toldEnd is what the target says of a run: by its history, else by what it holds
// and the source counted.
func toldEnd(rec state.Run, have stream.Have) stream.Ended {
	for _, e := range have.Ended {
		if e.Run == rec.Number {
			return e
		}
	}
	end := stream.Ended{Run: rec.Number, Outcome: stream.EndedFailed, DataBytes: rec.DataBytes}
	for _, h := range have.Snapshots {
		if h.UUID == rec.SnapshotUUID && rec.Kind != state.Unchanged {
			end.Outcome = stream.EndedOK
		}
	}
	return end
}

func (s *sending) settleOne(r *run, ended stream.Ended, have stream.Have) error {
	switch ended.Outcome {
	case stream.EndedOK, stream.EndedUnchanged:
		return r.become(state.Done, func(tx *state.Tx, rec *state.Run) error {
			rec.DataBytes = ended.DataBytes // what a crash or the line took was counted there alone
			rec.Code, rec.Error, rec.Hints = "", "", nil
			return s.settled(tx, rec, have)
		})
	case stream.EndedCancelled:
		return s.settleCut(r, state.Cancelled, control.CodeRunCancelled, "cancelled")
	case stream.EndedPaused:
		return s.settleCut(r, state.Paused, control.CodeRunPaused, "until its window opened")
	case stream.EndedFailed:
		if rec := r.record(); rec.Code != "" { // the target had said why
			return s.settleCut(r, state.Failed, rec.Code, rec.Error, rec.Hints...)
		}
	}
	return s.settleCut(r, state.Failed, codeConnectionLost, "the connection was lost before the target's answer, and the target did not commit")
}

// settleCut records a run that the target did not commit: all had been sent, but
// it was cut while it applied that.
func (s *sending) settleCut(r *run, end state.RunState, code, why string, hints ...string) error {
	fate := resumeIt
	if r.record().Kind == state.Unchanged {
		fate = leaveIt
	}
	return r.become(end, func(tx *state.Tx, rec *state.Run) error {
		rec.Code, rec.Error, rec.Hints = code, why, hints
		if fate == resumeIt {
			s.task.Pending = rec.SnapshotUUID
		}
		return keepForNext(tx, *rec, fate)
	})
}

// settled records a run that turned out to have succeeded.
func (s *sending) settled(tx *state.Tx, rec *state.Run, have stream.Have) error {
	fresh := rec.Started
	for _, h := range have.Snapshots {
		if h.UUID == rec.SnapshotUUID && rec.Kind != state.Unchanged {
			fresh, rec.StreamBytes = h.Taken, max(rec.StreamBytes, h.Bytes)
		}
	}
	rec.AppliedBytes = rec.StreamBytes
	return s.markFresh(tx, rec.SnapshotUUID, rec.Snapshot, fresh)
}

// finish records how the run ended. A run of which only the target knows stays
// open, and the next one asks.
func (s *sending) finish(ctx context.Context, err error) error {
	rec := s.run.record()
	if err == nil || rec.State.Final() {
		return nil
	}
	if awaitsVerdict(rec) && !settles(err) {
		return s.leaveOpen(ctx, err)
	}
	if refused(err, stream.Busy) && rec.State < state.Sending {
		return s.waitTurn(ctx, err)
	}
	fate := fateOf(rec, s.task, err)
	next, why := verdict(ctx, err)
	told := s.node.explainer(s.task).explain(why)
	recordErr := s.run.become(next, func(tx *state.Tx, rec *state.Run) error {
		rec.Code, rec.Error, rec.Hints = told.Code, told.Msg, told.Hints
		switch {
		case errors.Is(why, errCancelled):
			return errors.Join(s.noRetry(tx), keepForNext(tx, *rec, fate))
		case next == state.Paused:
			return errors.Join(s.noFailure(tx), keepForNext(tx, *rec, fate))
		}
		return errors.Join(s.retryLater(tx), keepForNext(tx, *rec, fate))
	})
	if fate == dropIt {
		s.dropSnapshot(context.WithoutCancel(ctx))
	}
	return recordErr
}

// leaveOpen leaves the run to the target's next answer, with the reason that the
// target has given, if any. A pause that came when all had been sent is nobody's
// fault.
func (s *sending) leaveOpen(ctx context.Context, err error) error {
	log := s.node.log.With("task", s.task.Name, "run", s.run.record().Number)
	if next, _ := verdict(ctx, err); next == state.Paused {
		log.Info("paused when all was sent, the next run asks the target")
		return s.node.store.Update(s.noFailure)
	}
	if _, said := errors.AsType[*stream.Refusal](err); said {
		told := s.node.explainer(s.task).explain(err)
		log.Warn("the target failed when all was sent, the next run asks what it holds", "err", err)
		return s.run.noteWith(func(tx *state.Tx, rec *state.Run) error {
			rec.Code, rec.Error, rec.Hints = told.Code, told.Msg, told.Hints
			return s.retryLater(tx)
		})
	}
	log.Warn("answer lost, the next run asks the target", "err", err)
	return s.node.store.Update(s.retryLater)
}

// settles tells whether an error says that nothing was committed. A target that
// failed while it committed may hold the snapshot all the same.
func settles(err error) bool {
	no, ok := errors.AsType[*stream.Refusal](err)
	if !ok {
		return false
	}
	switch no.Code {
	case stream.Internal, stream.IO, stream.ShuttingDown, stream.NotGranted:
		return false
	default:
		return true
	}
}

// awaitsVerdict tells a run whose end only the target knows.
func awaitsVerdict(rec state.Run) bool {
	return rec.Side == state.Send && (rec.State == state.Committing || rec.Kind == state.Unchanged)
}

// noRetry leaves a task to its schedule: somebody wanted the run to end.
func (s *sending) noRetry(tx *state.Tx) error {
	return updateTask(tx, s.task.Name, func(t *state.Task) {
		t.Failures, t.NextTry, t.FullRequested = 0, time.Time{}, false
	})
}

// noFailure leaves a task to its schedule, and to its window.
func (s *sending) noFailure(tx *state.Tx) error {
	return updateTask(tx, s.task.Name, func(t *state.Task) { t.Failures, t.NextTry = 0, time.Time{} })
}

// waitTurn leaves the run planned, under its number, until the target has room
// for it. That is no failure: nobody did anything wrong.
func (s *sending) waitTurn(ctx context.Context, busy error) error {
	told := s.node.explainer(s.task).explain(busy)
	fate := fateOf(s.run.record(), s.task, busy)
	err := s.run.become(state.Planned, func(tx *state.Tx, rec *state.Run) error {
		rec.Code, rec.Error = told.Code, told.Msg
		if err := keepForNext(tx, *rec, fate); err != nil {
			return err
		}
		notAsked(rec)
		return updateTask(tx, rec.Task, func(t *state.Task) {
			t.NextRun, t.Busy = rec.Number, reasonOf(*rec)
			t.NextTry = time.Now().UTC().Add(plan.BusyRetry(s.node.random()))
		})
	})
	if fate == dropIt {
		s.dropSnapshot(context.WithoutCancel(ctx))
	}
	return err
}

// retryLater sets the task's next try, later after each failure.
func (s *sending) retryLater(tx *state.Tx) error {
	return updateTask(tx, s.task.Name, func(t *state.Task) { s.node.backOff(t) })
}

// backOff counts a failure of a task and sets when it is tried again.
func (n *Node) backOff(t *state.Task) {
	t.Failures++
	every := time.Duration(t.EverySeconds) * time.Second
	t.NextTry = time.Now().UTC().Add(plan.Backoff(int(t.Failures), every, n.random()))
}

// dropSnapshot lets go of the snapshot of a run that failed: the target does not
// have it, so it can never be a base of this task.
func (s *sending) dropSnapshot(ctx context.Context) {
	if s.snap.ID == 0 {
		return
	}
	if err := s.pool.ReleaseSnapshot(ctx, s.snap, s.task.Name); err != nil {
		s.node.log.Warn("snapshot of a failed run not released", "task", s.task.Name, "snapshot", s.snap.Name, "err", err)
	}
}
