package mesh

import (
	"context"
	"errors"
	"time"

	"btrmesh/btrfs"
	"btrmesh/state"
	"btrmesh/stream"
)

// unchanged reports whether the target holds the share as it is now. That costs
// no snapshot and no data: only a question on the meta stream.
func (s *sending) unchanged(ctx context.Context) (bool, error) {
	if s.task.FullRequested {
		return false, nil
	}
	checked := time.Now().UTC()
	newest, ok, err := s.newestSnapshot(ctx)
	if err != nil || !ok {
		return false, err
	}
	generation, err := s.pool.Generation(ctx, s.share)
	if err != nil || generation > newest.OTransID {
		return false, err
	}
	return s.confirm(ctx, newest, checked)
}

// confirm asks the target whether newest is its newest too. The question is
// recorded before it is asked: if the answer is lost, the run stays open.
func (s *sending) confirm(ctx context.Context, newest btrfs.Snapshot, checked time.Time) (fresh bool, err error) {
	err = s.run.note(func(rec *state.Run) {
		rec.Kind, rec.Snapshot, rec.SnapshotUUID = state.Unchanged, newest.Name, newest.UUID
	})
	if err != nil {
		return false, err
	}
	out, _, err := s.ask(ctx, newest, true)
	if err != nil {
		if errors.As(err, new(*stream.Refusal)) { // of the offer itself: nothing is open
			err = errors.Join(err, s.run.note(notAsked))
		}
		return false, err
	}
	defer func() { leave(ctx, out, err) }()
	_, err = out.End(ctx)
	if refused(err, stream.NoParent) { // the target lacks it: send
		return false, s.run.note(notAsked)
	}
	if err != nil {
		return false, err
	}
	return true, s.run.become(state.Done, func(tx *state.Tx, rec *state.Run) error {
		count(out.Stats(), rec)
		return s.markFresh(tx, newest.UUID, newest.Name, checked)
	})
}

// notAsked takes the question back from the record.
func notAsked(rec *state.Run) {
	rec.Kind, rec.Snapshot, rec.SnapshotUUID = 0, "", btrfs.UUID{}
}

// newestSnapshot returns the newest snapshot of the share that the task holds.
func (s *sending) newestSnapshot(ctx context.Context) (btrfs.Snapshot, bool, error) {
	all, err := s.shareSnapshots(ctx)
	if err != nil {
		return btrfs.Snapshot{}, false, err
	}
	var newest btrfs.Snapshot
	for _, snap := range all {
		if snap.HeldBy(s.task.Name) && snap.ReadOnly && !snap.Time.Before(newest.Time) {
			newest = snap
		}
	}
	return newest, newest.ID != 0, nil
}
