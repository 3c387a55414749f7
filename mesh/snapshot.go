package mesh

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"btrmesh/btrfs"
	"btrmesh/state"
)

// snapshot takes the read-only snapshot that this run sends, or uses the one that
// a cut run began to send, or one that another task of the share has just taken.
func (s *sending) snapshot(ctx context.Context) error {
	snap, ok, err := s.pending(ctx)
	if err == nil && !ok {
		snap, err = s.newSnapshot(ctx)
	}
	if err != nil {
		return err
	}
	s.snap = snap
	s.node.fanouts.tell(s.expected())
	return s.run.become(state.Snapshotted, func(_ *state.Tx, rec *state.Run) error {
		rec.Snapshot, rec.SnapshotUUID = snap.Name, snap.UUID
		return nil
	})
}

// newSnapshot returns a snapshot that the task holds and that has all that was
// written before the run began.
func (s *sending) newSnapshot(ctx context.Context) (btrfs.Snapshot, error) {
	last, done, err := s.node.takes.turn(ctx, takeKey{s.pool.UUID, s.share.UUID})
	if err != nil {
		return btrfs.Snapshot{}, err
	}
	defer done()
	if s.shares(ctx, last) {
		last.tasks = append(last.tasks, s.task.Name)
		return last.snap, nil
	}
	began := time.Now()
	snap, err := s.pool.Snapshot(ctx, s.share, s.task.Name, began.UTC())
	if err != nil {
		return snap, fmt.Errorf("snapshot of %s: %w", s.share.Name, err)
	}
	*last = take{snap: snap, began: began, tasks: []string{s.task.Name}}
	return snap, nil
}

// shares makes the task hold what another one has taken, if that serves. Any
// doubt is solved by a snapshot of its own.
func (s *sending) shares(ctx context.Context, last *take) bool {
	fit, why := last.fits(s.task.Name, s.began, time.Now())
	if fit == fitsUnchanged {
		generation, err := s.pool.Generation(ctx, s.share)
		if err != nil || generation > last.snap.OTransID {
			return false
		}
	}
	if fit == fitsNot {
		return false
	}
	if err := s.pool.HoldSnapshot(ctx, last.snap, s.task.Name); err != nil {
		s.node.log.Debug("snapshot not shared", "task", s.task.Name, "snapshot", last.snap.Name, "err", err)
		return false
	}
	s.node.log.Debug("snapshot shared", "task", s.task.Name, "snapshot", last.snap.Name, "with", last.tasks, "reason", why)
	return true
}

// pending returns the snapshot of a cut run that is to be gone on with.
func (s *sending) pending(ctx context.Context) (btrfs.Snapshot, bool, error) {
	if s.task.Pending.IsZero() || s.task.FullRequested {
		return btrfs.Snapshot{}, false, nil
	}
	all, err := s.shareSnapshots(ctx)
	for _, snap := range all {
		if snap.UUID == s.task.Pending && snap.HeldBy(s.task.Name) && snap.ReadOnly {
			return snap, true, nil
		}
	}
	return btrfs.Snapshot{}, false, err
}

// shareSnapshots lists what is on disk of this share, whichever task holds it:
// a base survives the loss of the database, and of a task's name.
func (s *sending) shareSnapshots(ctx context.Context) ([]btrfs.Snapshot, error) {
	all, err := s.pool.Snapshots.Snapshots(ctx)
	if err != nil {
		return nil, fmt.Errorf("snapshots of %s: %w", s.share.Name, err)
	}
	return slices.DeleteFunc(all, func(snap btrfs.Snapshot) bool { return snap.ShareUUID != s.share.UUID }), nil
}

// take is the newest snapshot of a share since the start, zero if there is none.
type take struct {
	snap  btrfs.Snapshot
	began time.Time // when it was asked for: what was written before is in it
	tasks []string  // that use it
}

// fit says whether a run can use a snapshot.
type fit uint8

const (
	fitsNot       fit = 1
	fits          fit = 2
	fitsUnchanged fit = 3 // if the share has not changed since
)

// shareAge is for how long after it was taken a snapshot of an unchanged share is
// used by the runs that begin.
const shareAge = 2 * time.Second

// fits decides for a run of a task that began then. The reason is for a person.
func (t *take) fits(task string, began, now time.Time) (fit, string) {
	switch {
	case t.began.IsZero():
		return fitsNot, "there is none"
	case slices.Contains(t.tasks, task):
		return fitsNot, "it is of an earlier run of the task"
	case !t.began.Before(began):
		return fits, "it was taken since the run began"
	case now.Sub(t.began) <= shareAge:
		return fitsUnchanged, "it is of this moment"
	}
	return fitsNot, "it is of before the run began"
}

// takeKey names a share for good.
type takeKey struct{ pool, share btrfs.UUID }

// takes remembers the newest snapshot of each share, and lets one run at a time
// take the next. Safe for concurrent use; the zero value is empty.
type takes struct {
	mu   sync.Mutex
	last map[takeKey]chan *take // holds the take while it is nobody's turn
}

// turn waits until nobody else takes a snapshot of the share. The take is the
// caller's to read and to change until done is called.
func (t *takes) turn(ctx context.Context, of takeKey) (last *take, done func(), err error) {
	turns := t.turns(of)
	select {
	case last := <-turns:
		return last, func() { turns <- last }, nil
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
}

func (t *takes) turns(of takeKey) chan *take {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		t.last = map[takeKey]chan *take{}
	}
	if t.last[of] == nil {
		t.last[of] = make(chan *take, 1)
		t.last[of] <- &take{}
	}
	return t.last[of]
}
