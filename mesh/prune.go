package mesh

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
	"btrmesh/mesh/plan"
	"btrmesh/state"
	"btrmesh/stream"
)

// prune releases the source snapshots of the task that it does not need any more.
// It runs when it is known what the target holds, as after a commit: without that
// any of them might be the newest in common.
func (s *sending) prune(ctx context.Context, have stream.Have) {
	if err := s.pruneHere(ctx, have); err != nil {
		s.node.log.Warn("snapshots not pruned", "task", s.task.Name, "err", err)
	}
}

// makeRoom prunes where there was no room for a snapshot, so that there is for the
// next one: after fewer are to be kept, or a release failed before. What may go only
// the target knows, so it is asked, as if the newest snapshot were to be sent again.
func (s *sending) makeRoom(ctx context.Context, why error) {
	if !errors.Is(why, syscall.ENOSPC) && !errors.Is(why, syscall.EDQUOT) {
		return
	}
	newest, ok, err := s.newestSnapshot(ctx)
	if err != nil || !ok {
		return
	}
	out, have, err := s.ask(ctx, newest, false)
	if err != nil {
		s.node.log.Warn("snapshots not pruned", "task", s.task.Name, "err", err)
		return
	}
	leave(ctx, out, why)
	s.prune(ctx, have)
}

func (s *sending) pruneHere(ctx context.Context, have stream.Have) error {
	all, err := s.shareSnapshots(ctx)
	if err != nil {
		return err
	}
	pins, err := s.node.pins(s.share.UUID)
	if err != nil {
		return err
	}
	binding := map[btrfs.UUID]string{}
	byID := map[btrfs.UUID]btrfs.Snapshot{}
	var candidates []plan.Snapshot
	for _, snap := range all {
		if snap.HeldBy(s.task.Name) {
			byID[snap.UUID] = snap
			candidates = append(candidates, planned(snap))
			if why, bound := pins.bind(snap, s.task.Name); bound {
				binding[snap.UUID] = why
			}
		}
	}
	on := append(held(have), planned(s.snap))
	var errs []error
	for _, v := range sourceVerdicts(int(s.task.KeepSource), candidates, on, binding, time.Now().UTC()) {
		if v.Keep {
			continue
		}
		if err := s.pool.ReleaseSnapshot(ctx, byID[v.UUID], s.task.Name); err != nil {
			errs = append(errs, fmt.Errorf("release %s: %w", v.Name, err))
			continue
		}
		s.node.log.Info("snapshot pruned", "task", s.task.Name, "snapshot", v.Name)
	}
	return errors.Join(errs...)
}

// sourceVerdicts decides on the snapshots here: of those the target holds the
// newest keep stay; one that it does not hold is of no use unless it is pinned.
func sourceVerdicts(keep int, here, there []plan.Snapshot, pins map[btrfs.UUID]string, now time.Time) []plan.Verdict {
	held := map[btrfs.UUID]bool{}
	for _, s := range there {
		held[s.UUID] = true
	}
	var common []plan.Snapshot
	var verdicts []plan.Verdict
	for _, s := range here {
		why, pinned := pins[s.UUID]
		switch {
		case held[s.UUID]:
			common = append(common, s)
		case pinned: // it takes nobody's place
			verdicts = append(verdicts, plan.Verdict{Snapshot: s, Keep: true, Reasons: []string{why}})
		default:
			verdicts = append(verdicts, plan.Verdict{Snapshot: s})
		}
	}
	return append(verdicts, plan.Retain(plan.Keep{Last: max(keep, 1)}, common, pins, now)...)
}

// pin says why a task needs a snapshot.
type pin struct{ task, why string }

// pins are the snapshots that must stay, by UUID.
type pins map[btrfs.UUID][]pin

// bind says why task must not let go of snap. What another task needs and holds
// itself stays without this one.
func (p pins) bind(snap btrfs.Snapshot, task string) (why string, bound bool) {
	for _, pin := range p[snap.UUID] {
		if pin.task == task || !snap.HeldBy(pin.task) {
			return pin.why, true
		}
	}
	return "", false
}

func (p pins) add(id btrfs.UUID, task, format string, args ...any) {
	if !id.IsZero() {
		p[id] = append(p[id], pin{task, fmt.Sprintf(format, args...)})
	}
}

// pins gathers what the tasks need of a share: the base of each, and what open
// runs send or send from.
func (n *Node) pins(share btrfs.UUID) (pins, error) {
	all := pins{}
	err := n.store.View(func(tx *state.Tx) error {
		tasks, err := tx.Tasks()
		if err != nil {
			return err
		}
		for _, t := range tasks {
			if t.ShareUUID == share {
				all.add(t.Base, t.Name, "base")
				all.add(t.Pending, t.Name, "to be resumed")
			}
		}
		open, err := tx.OpenRuns()
		for _, r := range open {
			if r.Side == state.Send {
				all.add(r.SnapshotUUID, r.Task, "open run %d", r.Number)
				all.add(r.Parent, r.Task, "base of run %d", r.Number)
			}
		}
		return err
	})
	return all, err
}

// prune applies the retention that the task asks for to the replica, within
// what the grant promises. The newest committed snapshot always stays, and so does
// the base of the next run.
func (r *receiving) prune(ctx context.Context) {
	if err := r.pruneReplica(ctx); err != nil {
		r.node.log.Warn("replica not pruned", "task", r.offer.Task, "share", r.offer.Share, "err", err)
	}
}

func (r *receiving) pruneReplica(ctx context.Context) error {
	keep, err := plan.ParseKeep(r.offer.Keep)
	if err != nil {
		return err
	}
	keep.MinAge = r.grant.MinKeep
	replica, ok, err := r.pool.Find(ctx, r.in.Peer().String(), r.offer.Share)
	if err != nil || !ok {
		return err
	}
	byID := map[btrfs.UUID]receive.Received{}
	var candidates []plan.Snapshot
	for _, s := range replica.Snapshots {
		byID[s.Snapshot] = s
		candidates = append(candidates, receivedSnapshot(s))
	}
	pins := map[btrfs.UUID]string{r.base(): "base"}
	var errs []error
	for _, v := range plan.Retain(keep, candidates, pins, time.Now().UTC()) {
		if v.Keep {
			continue
		}
		if err := r.pool.Delete(ctx, replica, byID[v.UUID]); err != nil {
			errs = append(errs, fmt.Errorf("delete %s: %w", v.Name, err))
			continue
		}
		r.node.log.Info("snapshot pruned", "task", r.offer.Task, "share", r.offer.Share, "snapshot", v.Name)
	}
	return errors.Join(errs...)
}

// base is the newest snapshot in common: what was sent, or after a failure what it
// was sent from, which need not be the newest here.
func (r *receiving) base() btrfs.UUID {
	if r.run.stored().State == state.Done {
		return r.offer.Snapshot
	}
	return r.parent
}

func receivedSnapshot(s receive.Received) plan.Snapshot {
	return plan.Snapshot{
		UUID: s.Snapshot, CTransID: s.CTransID, Taken: s.Taken, Received: s.Received, Name: s.Dir,
		ReadOnly: s.ReadOnly, Modified: s.Modified || s.Problem != "",
	}
}
