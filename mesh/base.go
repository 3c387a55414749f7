package mesh

import (
	"context"
	"errors"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
	"btrmesh/mesh/plan"
	"btrmesh/state"
	"btrmesh/stream"
)

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
		estimate, err := s.pool.Estimate(ctx, s.request(s.passage(btrfs.UUID{}, have, sendstream.Position{})))
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

func kindOf(parent btrfs.UUID) state.Kind {
	if parent.IsZero() {
		return state.Full
	}
	return state.Incremental
}
