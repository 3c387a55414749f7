package mesh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
)

// recover closes the runs that a stop or a crash left open, by what is on disk.
func (n *Node) recover(ctx context.Context) error {
	var open []state.Run
	err := n.store.View(func(tx *state.Tx) (err error) {
		open, err = tx.OpenRuns()
		return err
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, rec := range open {
		errs = append(errs, n.close(ctx, rec))
	}
	return errors.Join(errs...)
}

// close ends one run left open. A run being sent whose end may have reached the
// target stays: only the target knows, and the next run asks it.
func (n *Node) close(ctx context.Context, rec state.Run) error {
	r := &run{store: n.store, log: n.log, rec: rec}
	if rec.Side == state.Receive {
		committed, err := n.isCommitted(ctx, rec)
		if err != nil {
			return fmt.Errorf("look for run %d of %s: %w", rec.Number, rec.Task, err)
		}
		if committed {
			return r.become(state.Done, nil)
		}
	}
	if rec.Side == state.Send && rec.State == state.Committing {
		n.log.Info("run waits for the target's verdict", "task", rec.Task, "run", rec.Number)
		return nil
	}
	return r.become(state.Failed, func(_ *state.Tx, rec *state.Run) error {
		rec.Code, rec.Error = control.CodeInterrupted, "the daemon was stopped in the middle of the run"
		return nil
	})
}

// isCommitted tells whether a received run is in replicas/, which is the proof.
func (n *Node) isCommitted(ctx context.Context, rec state.Run) (bool, error) {
	pool, ok := n.pools.get(rec.Pool)
	if !ok {
		return false, nil
	}
	replica, _, err := pool.Find(ctx, rec.Peer.String(), rec.Share)
	for _, s := range replica.Snapshots {
		if s.Snapshot == rec.SnapshotUUID {
			return true, nil
		}
	}
	return false, err
}

// openRuns lists the runs of a task that are not over, older than number.
func (n *Node) openRuns(side state.Side, task string, number uint64) ([]state.Run, error) {
	var open []state.Run
	err := n.store.View(func(tx *state.Tx) error {
		all, err := tx.OpenRuns()
		for _, r := range all {
			if r.Side == side && r.Task == task && r.Number < number {
				open = append(open, r)
			}
		}
		return err
	})
	return open, err
}

// taskNamed returns a task that must exist.
func taskNamed(tx *state.Tx, name string) (state.Task, error) {
	t, ok, err := tx.Task(name)
	if err == nil && !ok {
		err = fmt.Errorf("task %s is gone", name)
	}
	return t, err
}

// updateTask changes a task that must exist.
func updateTask(tx *state.Tx, name string, change func(*state.Task)) error {
	t, err := taskNamed(tx, name)
	if err != nil {
		return err
	}
	change(&t)
	return tx.PutTask(t)
}

// identify makes or checks the record of whose state this is.
func identify(store *state.Store, id certs.ID, name string, instance func() [16]byte) (state.Appliance, error) {
	var me state.Appliance
	err := store.Update(func(tx *state.Tx) error {
		rec, ok, err := tx.Appliance()
		if err != nil {
			return err
		}
		if !ok {
			rec = state.Appliance{ID: id, Instance: instance(), Created: time.Now().UTC()}
		}
		if rec.ID != id {
			return &foreignError{owner: rec.ID, us: id}
		}
		if name != "" {
			rec.Name = name
		}
		rec.Boots++
		me = rec
		return tx.PutAppliance(rec)
	})
	return me, err
}

// foreignError says that the state is another appliance's.
type foreignError struct{ owner, us certs.ID }

func (e *foreignError) Error() string {
	return fmt.Sprintf("state of %s, not of %s", e.owner.Short(), e.us.Short())
}
