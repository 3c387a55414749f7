package mesh

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"btrmesh/certs"
	"btrmesh/state"
	"btrmesh/stream"
)

// run is one execution of a task while it lasts, on either side. Its record is
// the truth: every change of state is persisted before anything relies on it.
//
//	planned → snapshotted → offered → sending → committing → done
//	   └───────────┴───────────┴─────────┴──────────┴─────→ failed | cancelled | paused
//
// A target that is busy leads back to planned. The crash points: a run left open before committing has failed, for the target
// cannot have committed it. In committing, and after the question whether the
// target is fresh without a run, only the target knows; the run stays open until
// its next answer settles it.
type run struct {
	store  *state.Store
	log    *slog.Logger
	cancel context.CancelCauseFunc
	ended  chan struct{} // closed when the run is no longer live
	// question: received, and whether the share has changed is all that is asked
	question bool

	mu  sync.Mutex
	rec state.Run
	// live gives the progress that is not persisted; nil before any.
	live  func(*state.Run)
	meter rateMeter // of what the target applied
	line  rateMeter // of what went over the line
}

// record returns the run as it stands, with live progress.
func (r *run) record() state.Run {
	r.mu.Lock()
	rec, live := r.rec, r.live
	r.mu.Unlock()
	if live != nil && !rec.State.Final() {
		live(&rec)
	}
	return rec
}

// stored returns the run as it is recorded.
func (r *run) stored() state.Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rec
}

// set replaces the record, before anything relies on it.
func (r *run) set(rec state.Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rec = rec
}

// progress sets where the live figures come from.
func (r *run) progress(live func(*state.Run)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live = live
}

// become moves the run to next: it checks the edge, applies change to the
// record, persists both in one transaction, and logs. It panics on an edge that
// does not exist, for that is a mistake in the engine.
func (r *run) become(next state.RunState, change func(tx *state.Tx, rec *state.Run) error) error {
	rec := r.record()
	from := rec.State
	if !from.CanBecome(next) {
		panic(fmt.Sprintf("run %s %d: %s cannot become %s", rec.Task, rec.Number, from, next))
	}
	rec.State = next
	if next.Final() {
		rec.Ended = time.Now().UTC()
	}
	if err := r.persist(&rec, change); err != nil {
		return fmt.Errorf("record run %d of %s as %s: %w", rec.Number, rec.Task, next, err)
	}
	r.report(from, rec)
	return nil
}

// note persists a change of the record that is no transition.
func (r *run) note(change func(rec *state.Run)) error {
	return r.noteWith(func(_ *state.Tx, rec *state.Run) error {
		change(rec)
		return nil
	})
}

// noteWith is note with what change stores beside it, in one transaction.
func (r *run) noteWith(change func(tx *state.Tx, rec *state.Run) error) error {
	rec := r.record()
	if err := r.persist(&rec, change); err != nil {
		return fmt.Errorf("record run %d of %s: %w", rec.Number, rec.Task, err)
	}
	return nil
}

// persist applies change, if any, to rec, which the run is from then on.
func (r *run) persist(rec *state.Run, change func(tx *state.Tx, rec *state.Run) error) error {
	err := r.store.Update(func(tx *state.Tx) error {
		if change != nil {
			if err := change(tx, rec); err != nil {
				return err
			}
		}
		return tx.PutRun(*rec)
	})
	if err == nil {
		r.set(*rec)
	}
	return err
}

// report logs one transition. Each is debug but the ones an operator tells
// another: how a run ended.
func (r *run) report(from state.RunState, rec state.Run) {
	log := r.log.With("task", rec.Task, "run", rec.Number)
	switch {
	case rec.State == state.Failed && r.question && rec.Code == stream.NoParent.String():
		log.Debug("run asks for data", "from", from) // that was the answer
	case rec.State == state.Failed:
		log.Warn("run failed", "from", from, "code", rec.Code, "err", rec.Error, "took", rec.Ended.Sub(rec.Started))
	case rec.State == state.Done && rec.Kind != state.Unchanged:
		log.Info("run done", "kind", rec.Kind, "snapshot", rec.Snapshot, "bytes", rec.StreamBytes, "took", rec.Ended.Sub(rec.Started))
	default:
		log.Debug("run", "from", from, "to", rec.State)
	}
}

// runKey names a live run: a task runs once at a time on each side.
type runKey struct {
	side state.Side
	peer certs.ID // zero on the sending side: task names are unique there
	task string
}

func keyOf(rec state.Run) runKey {
	key := runKey{side: rec.Side, task: rec.Task}
	if rec.Side == state.Receive {
		key.peer = rec.Peer
	}
	return key
}

// runs are the live runs of this appliance. Safe for concurrent use.
type runs struct {
	mu   sync.Mutex
	live map[runKey]*run
	turn chan struct{} // closed when one comes or goes, and then another
}

func newRuns() *runs { return &runs{live: map[runKey]*run{}, turn: make(chan struct{})} }

// turned returns what is closed when the next run begins or ends.
func (rs *runs) turned() <-chan struct{} {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.turn
}

// tell is called with the lock held.
func (rs *runs) tell() {
	close(rs.turn)
	rs.turn = make(chan struct{})
}

// add registers r, or reports that its task is already running.
func (rs *runs) add(r *run) bool {
	added, _ := rs.addBeside(r, func([]*run) *stream.Refusal { return nil })
	return added
}

// addBeside registers r if room has nothing against it beside the others, or
// reports that its task is already running.
func (rs *runs) addBeside(r *run, room func(others []*run) *stream.Refusal) (bool, *stream.Refusal) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	key := keyOf(r.rec)
	if rs.live[key] != nil {
		return false, nil
	}
	if no := room(slices.Collect(maps.Values(rs.live))); no != nil {
		return false, no
	}
	rs.live[key] = r
	rs.tell()
	return true, nil
}

// replace registers r in place of a live run of its task, which it ends first:
// a source begins a run only when the one before it is over, whether or not the
// end was heard of here. It refuses r if that run does not end before ctx does,
// or if there is no room.
func (rs *runs) replace(ctx context.Context, r *run, room func(others []*run) *stream.Refusal) *stream.Refusal {
	for {
		added, no := rs.addBeside(r, room)
		if added || no != nil {
			return no
		}
		old, ok := rs.get(keyOf(r.rec))
		if !ok {
			continue
		}
		old.cancel(errSuperseded)
		select {
		case <-old.ended:
		case <-ctx.Done():
			return &stream.Refusal{Code: stream.Busy, Text: "a run of this task is being received already"}
		}
	}
}

func (rs *runs) remove(r *run) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	delete(rs.live, keyOf(r.rec))
	close(r.ended)
	rs.tell()
}

func (rs *runs) get(key runKey) (*run, bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r, ok := rs.live[key]
	return r, ok
}

// all returns the live runs in no order.
func (rs *runs) all() []*run {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	list := make([]*run, 0, len(rs.live))
	for _, r := range rs.live {
		list = append(list, r)
	}
	return list
}

// cancelWhere ends the live runs that match, giving why as the cause.
func (rs *runs) cancelWhere(match func(state.Run) bool, why error) int {
	n := 0
	for _, r := range rs.all() {
		if match(r.record()) {
			r.cancel(why)
			n++
		}
	}
	return n
}
