package mesh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
	"btrmesh/mesh/plan"
	"btrmesh/state"
	"btrmesh/stream"
)

// sending is the source's side of one run, from the check for changes to the
// target's verdict.
type sending struct {
	node  *Node
	run   *run
	task  state.Task
	pool  *Pool
	share btrfs.Share
	snap  btrfs.Snapshot
	began time.Time
}

// startSend numbers a new run of the task and records it as planned. It returns
// nil when the task is running already. The caller executes what it returns;
// cancel is what ends the context it will do that in.
func (n *Node) startSend(name string, cancel context.CancelCauseFunc) (*sending, error) {
	s := &sending{node: n, began: time.Now()}
	s.run = &run{store: n.store, log: n.log, cancel: cancel, ended: make(chan struct{}), rec: state.Run{Side: state.Send, Task: name}}
	if !n.runs.add(s.run) {
		return nil, nil
	}
	if err := n.store.Update(s.enrol); err != nil {
		n.runs.remove(s.run)
		return nil, fmt.Errorf("start a run of %s: %w", name, err)
	}
	return s, nil
}

// enrol gives the run its number. It may be called again when the transaction
// is retried.
func (s *sending) enrol(tx *state.Tx) error {
	task, err := taskNamed(tx, s.run.record().Task)
	if err != nil {
		return err
	}
	s.task = task
	rec := state.Run{
		Side: state.Send, Task: task.Name, Peer: task.Target, Number: max(task.NextRun, 1), Share: task.Share,
		Pool: task.TargetPool, State: state.Planned, Started: time.Now().UTC(),
	}
	task.NextRun = rec.Number + 1
	task.RunRequested = time.Time{}
	s.run.set(rec)
	return errors.Join(tx.PutTask(task), tx.PutRun(rec))
}

// execute carries the run to its end and records how it ended. Its error is one
// of the machinery (the store); the run's own failure is in its record.
func (s *sending) execute(ctx context.Context) error {
	defer s.node.wakeUp()
	defer s.node.runs.remove(s.run)
	return s.finish(ctx, s.do(ctx))
}

// do carries the run to its end. It returns nil only when the target said
// committed, or that it already holds the share as it is.
func (s *sending) do(ctx context.Context) (err error) {
	if err := s.locate(ctx); err != nil {
		return err
	}
	// Reach the target before a snapshot is taken: a dead one costs nothing.
	if _, err := s.node.info(ctx, s.task.Target); err != nil {
		return err
	}
	if fresh, err := s.unchanged(ctx); err != nil || fresh {
		return err
	}
	if err := s.snapshot(ctx); err != nil {
		return err
	}
	out, have, err := s.ask(ctx, s.snap, false)
	if err != nil {
		return err
	}
	defer func() { leave(ctx, out, err) }()
	return s.transfer(ctx, out, have)
}

// ask offers a snapshot, and settles earlier runs by the answer.
func (s *sending) ask(ctx context.Context, snap btrfs.Snapshot, unchanged bool) (*stream.Outbound, stream.Have, error) {
	open, err := s.node.openRuns(state.Send, s.task.Name, s.run.record().Number)
	if err != nil {
		return nil, stream.Have{}, err
	}
	// The offer ends with the session, not with ctx: the last word to the target
	// is said after a cancel.
	out, have, err := s.node.net.Offer(context.WithoutCancel(ctx), s.task.Target, s.offer(snap, unchanged, open))
	if err != nil {
		return nil, have, err
	}
	if err := s.settle(open, have); err != nil {
		leave(ctx, out, err)
		return nil, have, err
	}
	return out, have, nil
}

// leave ends a session. After an error the target hears the reason, so that both
// histories agree.
func leave(ctx context.Context, out *stream.Outbound, err error) {
	if err != nil {
		out.Abort(abortOf(ctx, err))
	}
	out.Close()
}

// locate finds the task's pool and share on disk.
func (s *sending) locate(ctx context.Context) error {
	pool, ok := s.node.pools.byUUID(s.task.Pool)
	if !ok {
		return &poolGoneError{pool: s.task.PoolName}
	}
	share, err := pool.Share(ctx, s.task.Share)
	if err != nil {
		return &shareGoneError{share: s.task.Share, err: err}
	}
	s.pool, s.share = pool, share
	return nil
}

func (s *sending) offer(snap btrfs.Snapshot, unchanged bool, open []state.Run) stream.Offer {
	o := stream.Offer{
		Task: s.task.Name, Run: s.run.record().Number, Every: s.task.EverySeconds, Keep: s.task.KeepTarget,
		Share: s.share.Name, ShareUUID: s.share.UUID, Pool: s.task.TargetPool,
		Snapshot: snap.UUID, CTransID: snap.CTransID, Taken: snap.Time, Unchanged: unchanged,
		Full: s.task.FullRequested,
	}
	for _, rec := range open[:min(len(open), stream.MaxOpen)] {
		o.Open = append(o.Open, rec.Number)
	}
	return o
}

// transfer sends the snapshot over an accepted offer.
func (s *sending) transfer(ctx context.Context, out *stream.Outbound, have stream.Have) error {
	parent, err := s.base(ctx, have)
	if err != nil {
		return err
	}
	if err := s.data(ctx, out, parent, have); err != nil {
		return err
	}
	err = s.run.become(state.Committing, func(_ *state.Tx, rec *state.Run) error {
		count(out.Stats(), rec)
		return nil
	})
	if err != nil {
		return err
	}
	done, err := out.End(ctx)
	if err != nil { // all that was sent is known only now
		return errors.Join(err, s.run.note(func(rec *state.Run) { count(out.Stats(), rec) }))
	}
	if done.Snapshot != s.snap.UUID {
		return fmt.Errorf("target committed snapshot %s, not %s", done.Snapshot, s.snap.UUID)
	}
	if err := s.committed(out, have); err != nil {
		return err
	}
	s.prune(ctx, have)
	return nil
}

// base picks the parent from what is on both disks. A full send of a replica
// that exists needs the operator's word.
func (s *sending) base(ctx context.Context, have stream.Have) (btrfs.UUID, error) {
	here, err := s.shareSnapshots(ctx)
	if err != nil {
		return btrfs.UUID{}, err
	}
	if s.task.FullRequested {
		return btrfs.UUID{}, nil
	}
	choice := plan.Base(s.snap.UUID, s.candidates(here), held(have))
	s.node.log.Debug("base chosen", "task", s.task.Name, "kind", choice.Kind.String(), "reason", choice.Reason)
	switch choice.Kind {
	case plan.Full, plan.Done:
		return btrfs.UUID{}, nil
	case plan.Incremental:
		return choice.Parent.UUID, nil
	case plan.NoCommon:
		estimate, err := s.pool.Estimate(ctx, s.snap.UUID, btrfs.UUID{})
		return btrfs.UUID{}, errors.Join(&noCommonError{reason: choice.Reason, estimate: estimate}, err)
	}
	return btrfs.UUID{}, nil
}

// candidates are the snapshots here that may be the base: all but the one to send.
func (s *sending) candidates(here []btrfs.Snapshot) []plan.Snapshot {
	var list []plan.Snapshot
	for _, snap := range here {
		if snap.UUID != s.snap.UUID {
			list = append(list, planned(snap))
		}
	}
	return list
}

func planned(snap btrfs.Snapshot) plan.Snapshot {
	return plan.Snapshot{UUID: snap.UUID, CTransID: snap.CTransID, Taken: snap.Time, Name: snap.Name, ReadOnly: snap.ReadOnly}
}

func held(have stream.Have) []plan.Snapshot {
	list := make([]plan.Snapshot, 0, len(have.Snapshots))
	for _, h := range have.Snapshots {
		list = append(list, plan.Snapshot{UUID: h.UUID, CTransID: h.CTransID, Taken: h.Taken, Received: h.Received, ReadOnly: true})
	}
	return list
}

// prepare estimates the stream and records what will be sent.
func (s *sending) prepare(ctx context.Context, parent btrfs.UUID) error {
	estimate, err := s.pool.Estimate(ctx, s.snap.UUID, parent)
	if err != nil {
		return fmt.Errorf("estimate %s: %w", s.snap.Name, err)
	}
	return s.run.become(state.Offered, func(_ *state.Tx, rec *state.Run) error {
		rec.Kind, rec.Parent, rec.EstimateBytes = kindOf(parent), parent, estimate
		return nil
	})
}

// announce tells the target how the stream is sent, from which position, and
// waits for its go.
func (s *sending) announce(ctx context.Context, out *stream.Outbound, b stream.Begin, at sendstream.Position) error {
	b.Parent, b.EstimateBytes = s.run.record().Parent, s.run.record().EstimateBytes
	if err := out.Begin(ctx, b); err != nil {
		return err
	}
	s.run.progress(func(rec *state.Run) { count(out.Stats(), rec); rec.AppliedBytes = out.Applied() })
	return s.run.become(state.Sending, func(_ *state.Tx, rec *state.Run) error {
		rec.ResumedBytes = at.Bytes
		return nil
	})
}

// version is the newest stream format that both kernels speak.
func (s *sending) version(have stream.Have) uint32 {
	return max(min(s.node.streamVersion, have.StreamVersion), 1)
}

func kindOf(parent btrfs.UUID) state.Kind {
	if parent.IsZero() {
		return state.Full
	}
	return state.Incremental
}

// data sends the stream, from the target's checkpoint if it has one. A snapshot
// whose stream is not the one begun is sent from its beginning.
func (s *sending) data(ctx context.Context, out *stream.Outbound, parent btrfs.UUID, have stream.Have) error {
	if err := s.prepare(ctx, parent); err != nil {
		return err
	}
	at := resumable(have, parent)
	err := s.stream(ctx, out, have, at)
	if errors.Is(err, sendstream.ErrDiverged) {
		s.startOver(err)
		err = s.stream(ctx, out, have, sendstream.Position{})
	}
	if err != nil {
		return fmt.Errorf("send %s: %w", s.snap.Name, err)
	}
	return nil
}

// stream sends from one position. The target hears of it with the first byte.
func (s *sending) stream(ctx context.Context, out *stream.Outbound, have stream.Have, at sendstream.Position) error {
	b := stream.Begin{StreamVersion: s.version(have)}
	b.Compressed = b.StreamVersion >= 2
	if !at.IsZero() {
		b.From = have.Resume
	}
	w := &lateWriter{Writer: out, begin: func() error { return s.announce(ctx, out, b, at) }}
	_, err := s.pool.Send(ctx, w, btrfs.SendRequest{
		Snapshot: s.snap.UUID, Parent: s.run.record().Parent, Version: b.StreamVersion, Compressed: b.Compressed, From: at,
	})
	return err
}

// committed records the target's verdict: from here the snapshot is the base.
func (s *sending) committed(out *stream.Outbound, have stream.Have) error {
	return s.run.become(state.Done, func(tx *state.Tx, rec *state.Run) error {
		count(out.Stats(), rec)
		rec.AppliedBytes = rec.StreamBytes
		if err := updateTask(tx, s.task.Name, func(t *state.Task) {
			t.FullRequested, t.ReplicaPath, t.Pending = false, have.ReplicaPath, btrfs.UUID{}
		}); err != nil {
			return err
		}
		return s.markFresh(tx, s.snap.UUID, s.snap.Name, s.snap.Time)
	})
}

// count notes what a session has moved so far.
func count(stats stream.Stats, rec *state.Run) {
	rec.StreamBytes, rec.DataBytes = stats.RawBytes, stats.DataBytes
	rec.MetaOutBytes, rec.MetaInBytes = stats.MetaOutBytes, stats.MetaInBytes
}
