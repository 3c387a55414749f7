package mesh

import (
	"slices"

	"btrmesh/state"
)

// agree checks what must hold after every scenario: both sides of every task
// say the same of every run, what they call ok is there, the newest common
// snapshot is on both, nothing is left in staging.
func (f *fleet) agree() {
	f.t.Helper()
	for _, source := range f.nodes {
		for _, task := range source.recorded().tasks {
			for _, target := range f.nodes {
				if target.identity.ID() == task.Target {
					f.sameRuns(source, target, task)
					f.sameBase(source, target, task)
				}
			}
		}
		if left, err := source.fake.Sweep(source.ctx()); err != nil || len(left) > 0 && len(source.runs.all()) == 0 {
			f.t.Errorf("staging of %s holds %v, %v", source.name, left, err)
		}
	}
}

// sameRuns compares the two histories of a task. Offers that were refused leave
// a run on the source alone, as do failures before there is an offer.
func (f *fleet) sameRuns(source, target *member, task state.Task) {
	f.t.Helper()
	here := source.finished(state.RunFilter{Side: state.Send, Task: task.Name})
	there := target.finished(state.RunFilter{Side: state.Receive, Task: task.Name})
	there = slices.DeleteFunc(there, func(r state.Run) bool { return r.Peer != source.identity.ID() })
	for _, sent := range here {
		i := slices.IndexFunc(there, func(r state.Run) bool { return r.Number == sent.Number })
		if i < 0 {
			if sent.State == state.Done && !target.lost {
				f.t.Errorf("run %d of %s: done on %s, unknown on %s", sent.Number, task.Name, source.name, target.name)
			}
			continue
		}
		f.sameRun(sent, there[i])
		there = slices.Delete(there, i, i+1)
	}
	for _, r := range there {
		if source.lost {
			continue
		}
		f.t.Errorf("run %d of %s: %s on %s, unknown on %s", r.Number, task.Name, r.State, target.name, source.name)
	}
}

// finished lists runs by number, and complains about those open that nobody leads.
func (m *member) finished(which state.RunFilter) []state.Run {
	m.t.Helper()
	var all []state.Run
	m.view(func(tx *state.Tx) (err error) {
		all, err = tx.Runs(which)
		return err
	})
	return slices.DeleteFunc(all, func(r state.Run) bool {
		if r.State.Final() {
			return false
		}
		if live, ok := m.runs.get(keyOf(r)); !ok || live.record().Number != r.Number {
			m.t.Errorf("run %d of %s on %s is still %s", r.Number, r.Task, m.name, r.State)
		}
		return true
	})
}

// sameRun compares the two records of one run.
func (f *fleet) sameRun(sent, got state.Run) {
	f.t.Helper()
	if sent.State != got.State {
		f.t.Errorf("run %d of %s is %s (%s) on the source, %s (%s) on the target", sent.Number, sent.Task, sent.State, sent.Error, got.State, got.Error)
	}
	if sent.State != state.Done || got.State != state.Done {
		return
	}
	if sent.Kind != got.Kind || sent.Snapshot != got.Snapshot || sent.SnapshotUUID != got.SnapshotUUID || sent.Parent != got.Parent {
		f.t.Errorf("run %d of %s is %s %s on the source, %s %s on the target", sent.Number, sent.Task, sent.Kind, sent.Snapshot, got.Kind, got.Snapshot)
	}
	if sent.StreamBytes != got.StreamBytes || sent.AppliedBytes != got.AppliedBytes {
		f.t.Errorf("run %d of %s moved %d, %d bytes on the source, %d, %d on the target", sent.Number, sent.Task,
			sent.StreamBytes, sent.AppliedBytes, got.StreamBytes, got.AppliedBytes)
	}
	if sent.DataBytes != got.DataBytes {
		f.t.Errorf("run %d of %s: %d data bytes on the source, %d on the target", sent.Number, sent.Task, sent.DataBytes, got.DataBytes)
	}
	if empty := got.Kind == state.Unchanged; empty != (got.DataBytes == 0) || empty != (got.StreamBytes == 0) {
		f.t.Errorf("run %d of %s, %s, moved %d data bytes", got.Number, got.Task, got.Kind, got.DataBytes)
	}
}

// sameBase checks that the newest thing committed is still on both sides.
func (f *fleet) sameBase(source, target *member, task state.Task) {
	f.t.Helper()
	if task.Base.IsZero() {
		return
	}
	there := target.committed(source, task.Share)
	if len(there) == 0 {
		f.t.Errorf("%s has nothing of %s, and %s says it does", target.name, task.Share, source.name)
		return
	}
	newest := there[len(there)-1].Snapshot
	for _, s := range source.snapshots() {
		if s.UUID == newest {
			return
		}
	}
	f.t.Errorf("the newest snapshot of %s on %s is not on %s any more", task.Share, target.name, source.name)
}
