package mesh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
	"btrmesh/mesh/plan"
	"btrmesh/state"
	"btrmesh/stream"
)

// receiving is the target's side of one run.
type receiving struct {
	node    *Node
	in      *stream.Inbound
	offer   stream.Offer
	run     *run
	pool    *Pool
	grant   state.Grant
	replica receive.Replica
	parent  btrfs.UUID // of what the source wants to send; zero before that is known
	room    room       // as the source was told to go
}

// Receive serves one run that a source leads. It implements stream.Handler.
func (n *Node) Receive(ctx context.Context, in *stream.Inbound) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &receiving{node: n, in: in, offer: in.Offer()}
	log := n.log.With("peer", in.Peer().Short(), "task", r.offer.Task, "run", r.offer.Run)
	if no := r.admit(ctx); no != nil {
		log.Info("offer refused", "code", no.Code, "text", no.Text)
		r.refuse(ctx, no)
		return
	}
	if no := r.start(ctx, cancel); no != nil {
		r.refuse(ctx, no)
		return
	}
	if err := r.do(ctx); err != nil {
		r.fail(ctx, err)
	}
	ended := r.run.record()
	n.runs.remove(r.run)
	if makesRoom(ended) {
		r.prune(ctx) // the next run need not wait for it
	}
}

// makesRoom tells whether retention comes after a run: after each commit, and
// where there was no room for one. Then it is what lets the next one in, after
// less is to be kept, or a deletion failed before.
func makesRoom(ended state.Run) bool {
	switch ended.State {
	case state.Done:
		return ended.Kind != state.Unchanged
	case state.Failed:
		return ended.Code == stream.NoSpace.String() || ended.Code == stream.QuotaExceeded.String()
	default:
		return false
	}
}

// admit gathers what is known about the offer and lets admission decide.
func (r *receiving) admit(ctx context.Context) *stream.Refusal {
	r.node.hearOthers(ctx, r.in.Peer())
	q := admission{offer: r.offer, source: r.in.PeerName(), here: r.node.name(), pools: r.node.poolNames()}
	pool, ok := r.node.pools.get(r.offer.Pool)
	err := r.node.store.View(func(tx *state.Tx) error {
		me, _, err := tx.Appliance()
		q.serviceOff, q.cloned = me.ServiceOff, !me.Twin.Heard.IsZero() && !me.Twin.Settled
		if err != nil || !ok {
			return err
		}
		q.poolFound = true
		q.grant, q.granted, err = tx.Grant(r.in.Peer(), pool.UUID)
		return err
	})
	if err != nil {
		return &stream.Refusal{Code: stream.Internal, Text: "state not readable"}
	}
	if no := q.decide(); no != nil {
		return no
	}
	r.pool, r.grant = pool, q.grant
	replica, _, err := pool.Find(ctx, r.in.Peer().String(), r.offer.Share)
	if err != nil {
		return &stream.Refusal{Code: stream.IO, Text: "replica not readable: " + err.Error()}
	}
	r.replica = replica
	return q.intact(replica)
}

// replaceTime is how long an older run of the task gets to end.
const replaceTime = 20 * time.Second

// start records the run. The number is the source's: both histories agree on it.
func (r *receiving) start(ctx context.Context, cancel context.CancelCauseFunc) *stream.Refusal {
	rec := state.Run{
		Side: state.Receive, Task: r.offer.Task, Peer: r.in.Peer(), Number: r.offer.Run, Share: r.offer.Share,
		Pool: r.pool.Name, State: state.Offered, Started: time.Now().UTC(),
		Snapshot: snapshotName(r.offer.Taken), SnapshotUUID: r.offer.Snapshot,
	}
	r.run = &run{store: r.node.store, log: r.node.log, cancel: cancel, ended: make(chan struct{}), rec: rec, question: r.offer.Unchanged}
	ctx, stop := context.WithTimeout(ctx, replaceTime)
	defer stop()
	if no := r.node.runs.replace(ctx, r.run, r.turn); no != nil {
		return no
	}
	if err := r.node.store.Update(func(tx *state.Tx) error { return tx.PutRun(rec) }); err != nil {
		r.node.runs.remove(r.run)
		r.node.log.Error("run not recorded", "task", rec.Task, "run", rec.Number, "err", err)
		return notRecorded(err)
	}
	return nil
}

// notRecorded refuses a run that cannot be recorded.
func notRecorded(err error) *stream.Refusal {
	if errors.As(err, new(*state.FullError)) {
		return &stream.Refusal{Code: stream.NoSpace, Text: "the disk of its state is full; it records nothing and receives nothing until there is room"}
	}
	return &stream.Refusal{Code: stream.Internal, Text: "state not writable"}
}

// maxIncoming is how many runs a pool receives at once, but for one more: see
// plan.Admit.
const maxIncoming = 4

// turn refuses a run that has to wait: the pool receives enough others.
func (r *receiving) turn(others []*run) *stream.Refusal {
	if r.offer.Unchanged {
		return nil // a question, no data
	}
	var here []plan.Incoming
	now := time.Now()
	for _, o := range others {
		rec := o.stored()
		if rec.Side == state.Receive && rec.Pool == r.pool.Name && !o.question {
			here = append(here, plan.Incoming{Name: rec.Task, Full: rec.Kind == state.Full, For: now.Sub(rec.Started)})
		}
	}
	why := plan.Admit(here, len(r.replica.Snapshots) == 0, maxIncoming)
	if why == "" {
		return nil
	}
	return &stream.Refusal{Code: stream.Busy, Text: fmt.Sprintf("pool %s receives %s", r.pool.Name, why)}
}

// snapshotName writes the time of a snapshot as its source names it.
func snapshotName(taken time.Time) string {
	form := "20060102T150405Z"
	if taken.Nanosecond() != 0 {
		form = "20060102T150405.000Z"
	}
	return taken.UTC().Format(form)
}

func (r *receiving) do(ctx context.Context) error {
	have, err := r.have(ctx)
	if err != nil {
		return err
	}
	if err := r.in.Have(ctx, have); err != nil {
		return err
	}
	if r.offer.Unchanged {
		return r.confirm(ctx)
	}
	begin, err := r.in.Begin(ctx)
	if err != nil {
		return err
	}
	if err := r.agree(ctx, begin); err != nil {
		return err
	}
	return r.commit(ctx, begin)
}

// confirm answers a source whose share has not changed: fresh if its newest
// snapshot is the newest here.
func (r *receiving) confirm(ctx context.Context) error {
	n := len(r.replica.Snapshots)
	if n == 0 || r.replica.Snapshots[n-1].Snapshot != r.offer.Snapshot || r.replica.Snapshots[n-1].Modified {
		return &stream.Refusal{Code: stream.NoParent, Text: "the replica does not hold that snapshot as its newest"}
	}
	newest := r.replica.Snapshots[n-1]
	err := r.run.become(state.Done, func(tx *state.Tx, rec *state.Run) error {
		rec.Kind = state.Unchanged
		r.count(rec)
		return r.index(tx, newest, time.Now().UTC())
	})
	if err != nil {
		return err
	}
	return r.in.Commit(ctx, stream.Committed{Snapshot: newest.Snapshot, Received: newest.Received, Unchanged: true})
}

// agree checks what the source announced against what is here, records it, and
// says go.
func (r *receiving) agree(ctx context.Context, b stream.Begin) error {
	r.parent = b.Parent
	if !b.Parent.IsZero() && !r.holds(b.Parent) {
		return &stream.Refusal{Code: stream.NoParent, Text: fmt.Sprintf("snapshot %s is not in the replica", b.Parent)}
	}
	if err := r.measure(ctx, b); err != nil {
		return err
	}
	if no := r.room.refuse(b.EstimateBytes); no != nil {
		return no
	}
	err := r.run.become(state.Sending, func(_ *state.Tx, rec *state.Run) error {
		rec.Kind, rec.Parent, rec.EstimateBytes = kindOf(b.Parent), b.Parent, b.EstimateBytes
		return nil
	})
	if err != nil {
		return err
	}
	r.run.progress(r.count)
	return r.in.Go(ctx)
}

// measure finds out what room there is for the run.
func (r *receiving) measure(ctx context.Context, b stream.Begin) error {
	at, err := from(b)
	if err != nil {
		return err
	}
	space, err := r.pool.Space()
	if err != nil {
		return fmt.Errorf("space of pool %s: %w", r.pool.Name, err)
	}
	used, err := r.used(ctx)
	r.room = room{space: space, quota: r.grant.QuotaBytes, used: used, here: at.Bytes}
	return err
}

// commit applies the stream, makes it durable and visible, records it, and only
// then tells the source.
func (r *receiving) commit(ctx context.Context, b stream.Begin) error {
	defer context.AfterFunc(ctx, func() { r.interrupt(ctx) })()
	at, err := from(b)
	if err != nil {
		return err
	}
	got, err := r.pool.Receive(ctx, receive.Spec{
		Source: r.in.Peer().String(), SourceName: r.in.PeerName(), Share: r.offer.Share, ShareUUID: r.offer.ShareUUID,
		Task: r.offer.Task, Run: r.offer.Run, Snapshot: r.offer.Snapshot, CTransID: r.offer.CTransID, Taken: r.offer.Taken,
		Parent: b.Parent, From: at, MaxSpace: r.room.most(), Progress: r.in.Progress,
	}, &endNotice{r: r.in, ended: func() error { return r.run.become(state.Committing, nil) }})
	if errors.Is(err, sendstream.ErrTooMuch) {
		return errors.Join(r.room.exceeded(), err)
	}
	if err != nil && !errors.Is(err, receive.ErrExists) {
		return err
	}
	err = r.run.become(state.Done, func(tx *state.Tx, rec *state.Run) error {
		r.count(rec)
		rec.AppliedBytes, rec.ResumedBytes = got.StreamBytes, got.ResumedBytes
		return r.index(tx, got, got.Taken)
	})
	if err != nil {
		return err
	}
	if err := r.in.Commit(ctx, stream.Committed{Snapshot: got.Snapshot, Received: got.Received, Bytes: got.StreamBytes}); err != nil {
		r.node.log.Warn("answer not delivered, the source asks again", "task", r.offer.Task, "run", r.offer.Run, "err", err)
	}
	return nil
}

// endNotice tells when the sender's promise of completeness has arrived, which
// is the moment before the commit begins.
type endNotice struct {
	r     io.Reader
	ended func() error
	done  bool
}

func (e *endNotice) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if errors.Is(err, io.EOF) && !e.done {
		e.done = true
		if err := e.ended(); err != nil {
			return n, err
		}
	}
	return n, err
}

// index updates what is known of the replica as a whole.
func (r *receiving) index(tx *state.Tx, got receive.Received, fresh time.Time) error {
	return tx.PutReplica(state.Replica{
		Source: r.in.Peer(), Share: r.offer.Share, Pool: r.pool.UUID, PoolName: r.pool.Name, Task: r.offer.Task,
		EverySeconds: r.offer.Every, Path: r.replica.Path, FreshAt: fresh, LastReceived: got.Received,
		LastRun: r.offer.Run, Snapshot: got.Snapshot,
	})
}

func (r *receiving) count(rec *state.Run) {
	stats := r.in.Stats()
	rec.StreamBytes, rec.DataBytes = stats.RawBytes, stats.DataBytes
	rec.MetaOutBytes, rec.MetaInBytes = stats.MetaOutBytes, stats.MetaInBytes
	rec.AppliedBytes = r.in.Applied()
}
