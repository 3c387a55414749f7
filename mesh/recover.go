package mesh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
	"btrmesh/stream"
)

// recover closes the runs sent from here that a stop or a crash left open.
func (n *Node) recover() error {
	open, err := n.openRuns(state.Send, "", 0)
	if err != nil {
		return err
	}
	var errs []error
	for _, rec := range open {
		errs = append(errs, n.recoverSend(rec))
	}
	return errors.Join(errs...)
}

// recoverSend closes one run, or leaves it to the target's verdict, and has its
// task tried again soon.
func (n *Node) recoverSend(rec state.Run) error {
	if awaitsTurn(rec) {
		return nil
	}
	soon := func(tx *state.Tx) error {
		return updateTask(tx, rec.Task, func(t *state.Task) { n.backOff(t) })
	}
	if awaitsVerdict(rec) {
		n.log.Info("run waits for the target's verdict", "task", rec.Task, "run", rec.Number)
		return n.store.Update(soon)
	}
	r := &run{store: n.store, log: n.log, rec: rec}
	return r.become(state.Failed, func(tx *state.Tx, failed *state.Run) error {
		interrupted(failed)
		task, err := taskNamed(tx, rec.Task)
		if err != nil {
			return err
		}
		return errors.Join(soon(tx), keepForNext(tx, rec, fateOf(rec, task, nil)))
	})
}

// awaitsTurn tells a run that waits until its target has room for it.
func awaitsTurn(rec state.Run) bool {
	return rec.State == state.Planned && rec.Code == stream.Busy.String()
}

func interrupted(rec *state.Run) {
	rec.Code, rec.Error = control.CodeInterrupted, "the daemon was stopped in the middle of the run"
}

// settlePool closes the runs received into a pool that were left open, by what
// is in it. It is called when the pool is opened, before it is used.
func (n *Node) settlePool(ctx context.Context, pool *Pool) {
	open, err := n.openRuns(state.Receive, "", 0)
	for _, rec := range open {
		if rec.Pool == pool.Name {
			r := &run{store: n.store, log: n.log, rec: rec}
			err = errors.Join(err, n.settleReceive(ctx, pool, r, interrupted))
		}
	}
	if err != nil {
		n.log.Error("runs left open not settled", "pool", pool.Name, "err", err)
	}
}

// settleReceive closes one received run: being in replicas/ is the proof. If it
// is not there, failed says why.
func (n *Node) settleReceive(ctx context.Context, pool *Pool, r *run, failed func(*state.Run)) error {
	rec := r.record()
	replica, _, err := pool.Find(ctx, rec.Peer.String(), rec.Share)
	if err != nil {
		return fmt.Errorf("look for run %d of %s: %w", rec.Number, rec.Task, err)
	}
	for _, s := range replica.Snapshots {
		if s.Snapshot == rec.SnapshotUUID && s.Run == rec.Number {
			return r.become(state.Done, func(_ *state.Tx, rec *state.Run) error {
				rec.StreamBytes, rec.AppliedBytes = s.StreamBytes, s.StreamBytes
				return nil
			})
		}
	}
	return r.become(state.Failed, func(_ *state.Tx, rec *state.Run) error {
		failed(rec)
		return nil
	})
}

// openRuns lists the runs of a task, or of all, that are not over; of one task
// those before number, 0: all.
func (n *Node) openRuns(side state.Side, task string, number uint64) ([]state.Run, error) {
	var open []state.Run
	err := n.store.View(func(tx *state.Tx) error {
		all, err := tx.OpenRuns()
		for _, r := range all {
			if r.Side == side && (task == "" || r.Task == task) && (number == 0 || r.Number < number) {
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
func identify(store *state.Store, id certs.ID, name string, instance func() [16]byte) error {
	return store.Update(func(tx *state.Tx) error {
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
		if name != "" && name != rec.Given {
			rec.Name, rec.Given = name, name // else a name given by command since would not last
		}
		rec.Boots++
		return tx.PutAppliance(rec)
	})
}

// foreignError says that the state is another appliance's.
type foreignError struct{ owner, us certs.ID }

func (e *foreignError) Error() string {
	return fmt.Sprintf("state of %s, not of %s", e.owner.Short(), e.us.Short())
}
