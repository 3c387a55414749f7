package mesh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"btrmesh/btrfs"
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

	reached  bool      // the target has answered
	follower *follower // nil before it sends
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
	n.fanouts.tell(s.expected())
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
	task.RunRequested, task.Busy = time.Time{}, ""
	s.run.set(rec)
	return errors.Join(tx.PutTask(task), tx.PutRun(rec))
}

// execute carries the run to its end and records how it ended. Its error is one
// of the machinery (the store); the run's own failure is in its record.
func (s *sending) execute(ctx context.Context) error {
	defer s.node.wakeUp()
	defer s.node.runs.remove(s.run)
	defer s.node.fanouts.forget(s.task.Name)
	return s.finish(ctx, s.do(ctx))
}

// do carries the run to its end. It returns nil only when the target said
// committed, or that it already holds the share as it is.
func (s *sending) do(ctx context.Context) (err error) {
	if err := s.locate(ctx); err != nil {
		return err
	}
	if err := s.reach(ctx); err != nil {
		return err
	}
	s.reached = true
	s.node.fanouts.tell(s.expected())
	if fresh, err := s.unchanged(ctx); err != nil || fresh {
		return err
	}
	if err := s.snapshot(ctx); err != nil {
		s.makeRoom(ctx, err)
		return err
	}
	out, have, err := s.ask(ctx, s.snap, false)
	if err != nil {
		return err
	}
	defer s.disembark()
	defer func() { leave(ctx, out, err) }()
	return s.transfer(ctx, out, have)
}

// reach sees that the target can be offered something before a snapshot is taken:
// a dead one costs nothing. Where there is a connection the offer itself tells,
// and a question less is asked.
func (s *sending) reach(ctx context.Context) error {
	if slices.ContainsFunc(s.node.net.Links(), func(l stream.Link) bool { return l.Peer == s.task.Target }) {
		return nil
	}
	_, err := s.node.info(ctx, s.task.Target)
	return err
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

// expected is the run as long as it is not known what it sends.
func (s *sending) expected() plan.Sender {
	return plan.Sender{
		Task: s.task.Name, Pool: s.task.Pool, Share: s.task.Share, Snapshot: s.snap.UUID,
		Reachable: s.reached || s.node.peers.get(s.task.Target).online,
	}
}

// disembark waits for what the run had a part in. The session is closed by now.
func (s *sending) disembark() {
	if s.follower != nil {
		s.follower.wait()
	}
}
