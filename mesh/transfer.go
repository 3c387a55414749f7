package mesh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
	"btrmesh/mesh/plan"
	"btrmesh/state"
	"btrmesh/stream"
)

// transfer sends the snapshot over an accepted offer.
func (s *sending) transfer(ctx context.Context, out *stream.Outbound, have stream.Have) error {
	parent, err := s.base(ctx, have)
	if err != nil {
		return err
	}
	done, err := s.data(ctx, out, parent, have)
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

// data sends the stream, from the target's checkpoint if it has one. A snapshot
// whose stream is not the one begun is sent from its beginning, if the target has
// not been told of it yet.
func (s *sending) data(ctx context.Context, out *stream.Outbound, parent btrfs.UUID, have stream.Have) (stream.Committed, error) {
	done, err := s.send(ctx, out, s.passage(parent, have, resumable(have, parent)))
	if errors.Is(err, sendstream.ErrDiverged) && s.run.record().State == state.Offered {
		s.startOver(err)
		done, err = s.send(ctx, out, s.passage(parent, have, sendstream.Position{}))
	}
	return done, err
}

// prepare estimates the stream and records what will be sent, unless that is done.
func (s *sending) prepare(ctx context.Context, p *passage) error {
	if s.run.record().State == state.Offered {
		return nil
	}
	r := s.request(*p)
	r.From = sendstream.Position{}
	estimate, err := s.pool.Estimate(ctx, r)
	if err != nil {
		return fmt.Errorf("estimate %s: %w", s.snap.Name, err)
	}
	p.begin.EstimateBytes = estimate
	return s.run.become(state.Offered, func(_ *state.Tx, rec *state.Run) error {
		rec.Kind, rec.Parent, rec.EstimateBytes = kindOf(r.Parent), r.Parent, estimate
		return nil
	})
}

// passage is one way to send a snapshot.
type passage struct {
	parent btrfs.UUID
	from   sendstream.Position
	begin  stream.Begin
}

// passage is how the snapshot is sent from a position that the target has.
func (s *sending) passage(parent btrfs.UUID, have stream.Have, from sendstream.Position) passage {
	version := max(min(s.node.streamVersion, have.StreamVersion), 1) // the newest that both kernels speak
	p := passage{parent: parent, from: from, begin: stream.Begin{
		Parent: parent, EstimateBytes: s.run.record().EstimateBytes, StreamVersion: version, Compressed: version >= 2,
	}}
	if !from.IsZero() {
		p.begin.From = have.Resume
	}
	return p
}

func (s *sending) request(p passage) btrfs.SendRequest {
	return btrfs.SendRequest{
		Snapshot: s.snap.UUID, Parent: p.parent, Version: p.begin.StreamVersion, Compressed: p.begin.Compressed, From: p.from,
	}
}

// sender is how far the run has come, for those that may send the same.
func (s *sending) sender(p passage) plan.Sender {
	ready := s.expected()
	ready.Stream = plan.Stream{
		Snapshot: s.snap.UUID, Parent: p.parent, Version: p.begin.StreamVersion, Compressed: p.begin.Compressed, From: p.begin.From,
	}
	return ready
}

// send sends the stream, together with the runs that send the same, and returns
// the target's verdict.
func (s *sending) send(ctx context.Context, out *stream.Outbound, p passage) (stream.Committed, error) {
	s.follower = s.node.fanouts.join(ctx, s.sender(p), s.pool, s.request(p))
	defer s.follower.leave()
	if err := s.prepare(ctx, &p); err != nil { // beside the send, which can use what is found out
		return stream.Committed{}, err
	}
	if err := s.follower.begun(ctx); err != nil {
		return stream.Committed{}, fmt.Errorf("send %s: %w", s.snap.Name, err)
	}
	if err := s.announce(ctx, out, p); err != nil {
		return stream.Committed{}, fmt.Errorf("send %s: %w", s.snap.Name, err)
	}
	if !s.follower.follow(out) {
		s.follower.leave()
		return s.alone(ctx, out, out, p)
	}
	done, err := s.ride(ctx, out)
	if behind, ok := errors.AsType[*stream.BehindError](err); ok {
		s.follower.leave()
		return s.goOn(ctx, out, p, behind)
	}
	return done, err
}

// goOn makes the stream again for a run that was slower than the others, from
// where they went on without it.
func (s *sending) goOn(ctx context.Context, out *stream.Outbound, p passage, behind *stream.BehindError) (stream.Committed, error) {
	_, w, err := out.Continue()
	if err != nil {
		return stream.Committed{}, err
	}
	err = s.run.note(func(rec *state.Run) { rec.ApartBytes = p.from.Bytes + behind.Bytes })
	if err != nil {
		return stream.Committed{}, err
	}
	s.node.log.Info("sent separately from here on", "task", s.task.Name, "bytes", p.from.Bytes+behind.Bytes)
	return s.alone(ctx, out, w, p)
}

// announce tells the target how the stream is sent, from which position, and
// waits for its go.
func (s *sending) announce(ctx context.Context, out *stream.Outbound, p passage) error {
	out.Limit(s.node.limits.task(s.task.Name), s.node.limits.peer(s.task.Target))
	if err := out.Begin(ctx, p.begin); err != nil {
		return err
	}
	s.run.progress(func(rec *state.Run) { count(out.Stats(), rec); rec.AppliedBytes = out.Applied() })
	return s.run.become(state.Sending, func(_ *state.Tx, rec *state.Run) error {
		rec.ResumedBytes = p.from.Bytes
		return nil
	})
}

// answer is the target's last word.
type answer struct {
	done stream.Committed
	err  error
}

// ride waits while the fanout sends, and for the verdict.
func (s *sending) ride(ctx context.Context, out *stream.Outbound) (stream.Committed, error) {
	ctx, cancel := context.WithCancel(ctx)
	answers := make(chan answer, 1)
	var end sync.WaitGroup
	defer end.Wait()
	defer cancel()
	end.Go(func() {
		done, err := out.End(ctx)
		answers <- answer{done, err}
	})
	flowing, written := s.follower.of.flowing, s.follower.of.written
	for {
		select {
		case <-flowing:
			flowing = nil
			if err := s.noteCompany(); err != nil {
				return stream.Committed{}, err
			}
		case <-written:
			written = nil
			if err := s.allSent(out); err != nil {
				return stream.Committed{}, err
			}
			s.follower.record()
		case a := <-answers:
			return a.done, a.err
		}
	}
}

// alone sends the stream into w for this run only.
func (s *sending) alone(ctx context.Context, out *stream.Outbound, w io.Writer, p passage) (stream.Committed, error) {
	if _, err := s.pool.Send(ctx, w, s.request(p)); err != nil {
		return stream.Committed{}, fmt.Errorf("send %s: %w", s.snap.Name, err)
	}
	if err := s.allSent(out); err != nil {
		return stream.Committed{}, err
	}
	return out.End(ctx)
}

// noteCompany records with whom the run sends.
func (s *sending) noteCompany() error {
	with := slices.DeleteFunc(slices.Clone(s.follower.of.with), func(task string) bool { return task == s.task.Name })
	if len(with) == 0 {
		return nil
	}
	s.node.log.Info("sent together", "task", s.task.Name, "with", with)
	return s.run.note(func(rec *state.Run) { rec.Together = with })
}

// allSent records that all is on its way, before the target hears that it was
// all.
func (s *sending) allSent(out *stream.Outbound) error {
	if s.run.record().State == state.Committing {
		return nil
	}
	return s.run.become(state.Committing, func(_ *state.Tx, rec *state.Run) error {
		count(out.Stats(), rec)
		return nil
	})
}

// committed records the target's verdict: from here the snapshot is the base.
func (s *sending) committed(out *stream.Outbound, have stream.Have) error {
	return s.run.become(state.Done, func(tx *state.Tx, rec *state.Run) error {
		count(out.Stats(), rec)
		rec.AppliedBytes = rec.StreamBytes
		if err := updateTask(tx, s.task.Name, func(t *state.Task) {
			t.FullRequested, t.ReplicaPath, t.Pending = false, have.ReplicaPath, btrfs.UUID{}
			t.Took = tookNext(*rec)
		}); err != nil {
			return err
		}
		return s.markFresh(tx, s.snap.UUID, s.snap.Name, s.snap.Time)
	})
}

// tookNext is how long the next run has to be expected to take: a full one does
// not tell.
func tookNext(rec state.Run) time.Duration {
	if rec.Kind != state.Incremental {
		return 0
	}
	return rec.Ended.Sub(rec.Started)
}

// count notes what a session has moved so far.
func count(stats stream.Stats, rec *state.Run) {
	rec.StreamBytes, rec.DataBytes = stats.RawBytes, stats.DataBytes
	rec.MetaOutBytes, rec.MetaInBytes = stats.MetaOutBytes, stats.MetaInBytes
	rec.WireBytes, rec.Chunks = stats.WireBytes, state.Chunks(stats.Chunks)
	rec.Lanes, rec.LanesReplaced, rec.LanesWhy = uint32(max(stats.MostLanes, 0)), uint32(max(stats.Replaced, 0)), stats.Why
	if kind := kindOfLanes(stats); kind != "" { // none is open in the end
		rec.LaneKind = kind
	}
}

// kindOfLanes is what most of the open lanes are, "" if none is.
func kindOfLanes(stats stream.Stats) string {
	switch {
	case stats.TCPLanes > stats.QUICLanes:
		return stream.LaneTCP.String()
	case stats.QUICLanes > 0:
		return stream.LaneQUIC.String()
	}
	return ""
}
