package mesh

import (
	"context"
	"fmt"
	"slices"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
	"btrmesh/state"
	"btrmesh/stream"
)

// have tells the source what this replica holds, newest first, and what is free.
func (r *receiving) have(ctx context.Context) (stream.Have, error) {
	space, err := r.pool.Space()
	if err != nil {
		return stream.Have{}, fmt.Errorf("space of pool %s: %w", r.pool.Name, err)
	}
	ended, err := r.ended()
	if err != nil {
		return stream.Have{}, err
	}
	resume, err := r.checkpoint(ctx)
	if err != nil {
		return stream.Have{}, err
	}
	return stream.Have{
		Ended: ended, Resume: resume, Snapshots: heldOf(r.replica.Snapshots), FreeBytes: space.Free, ReserveBytes: reserve(space),
		StreamVersion: r.node.streamVersion, ReplicaPath: r.replica.Path,
	}, nil
}

// ended tells how the runs the source lost track of ended here.
func (r *receiving) ended() ([]stream.Ended, error) {
	var list []stream.Ended
	err := r.node.store.View(func(tx *state.Tx) error {
		for _, number := range r.offer.Open {
			rec, ok, err := tx.Run(state.Receive, r.in.Peer(), r.offer.Task, number)
			if err != nil {
				return err
			}
			if outcome := endedAs(rec); ok && outcome != 0 {
				list = append(list, stream.Ended{Run: number, Outcome: outcome, DataBytes: rec.DataBytes})
			}
		}
		return nil
	})
	return list, err
}

// endedAs is how a run ended in the words of the wire; 0 while it is open.
func endedAs(rec state.Run) stream.Outcome {
	switch {
	case rec.State == state.Done && rec.Kind == state.Unchanged:
		return stream.EndedUnchanged
	case rec.State == state.Done:
		return stream.EndedOK
	case rec.State == state.Failed:
		return stream.EndedFailed
	case rec.State == state.Cancelled:
		return stream.EndedCancelled
	case rec.State == state.Paused:
		return stream.EndedPaused
	}
	return 0
}

// heldOf lists what is sound, newest first; what was changed by hand can be
// nobody's base.
func heldOf(snaps []receive.Received) []stream.Held {
	var held []stream.Held
	for _, s := range slices.Backward(snaps) {
		if s.Modified || s.Problem != "" || len(held) == stream.MaxHeld {
			continue
		}
		held = append(held, stream.Held{
			UUID: s.Snapshot, CTransID: s.CTransID, Taken: s.Taken, Run: s.Run, Received: s.Received, Bytes: s.StreamBytes,
		})
	}
	return held
}

func (r *receiving) holds(snapshot btrfs.UUID) bool {
	for _, s := range r.replica.Snapshots {
		if s.Snapshot == snapshot && !s.Modified {
			return true
		}
	}
	return false
}

// used sums what the source has put into this pool: the stream bytes of the
// snapshots it has there, for without quota groups the exact share is unknown.
func (r *receiving) used(ctx context.Context) (uint64, error) {
	replicas, err := r.pool.Replicas.Replicas(ctx)
	if err != nil {
		return 0, fmt.Errorf("replicas of pool %s: %w", r.pool.Name, err)
	}
	return usedBy(replicas, r.in.Peer().String()), nil
}

func usedBy(replicas []receive.Replica, source string) uint64 {
	var sum uint64
	for _, rep := range replicas {
		if rep.Source != source {
			continue
		}
		for _, s := range rep.Snapshots {
			sum += uint64(max(s.StreamBytes, 0))
		}
	}
	return sum
}
