package mesh

import (
	"context"

	"btrmesh/btrfs"
	"btrmesh/mesh/plan"
	"btrmesh/state"
	"btrmesh/stream"
)

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

func held(have stream.Have) []plan.Snapshot {
	list := make([]plan.Snapshot, 0, len(have.Snapshots))
	for _, h := range have.Snapshots {
		list = append(list, plan.Snapshot{UUID: h.UUID, CTransID: h.CTransID, Taken: h.Taken, Received: h.Received, ReadOnly: true})
	}
	return list
}
