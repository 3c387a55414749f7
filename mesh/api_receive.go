package mesh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"btrmesh/btrfs/receive"
	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/mesh/plan"
	"btrmesh/state"
)

// replicas lists the replicas here. What is on the pools decides; the index
// adds what a pool cannot know.
func (a api) replicas(ctx context.Context, _ control.ReplicasRequest) ([]control.Replica, error) {
	list := []control.Replica{}
	for _, p := range a.Node.pools.all() {
		found, err := p.Replicas.Replicas(ctx)
		if err != nil {
			return nil, fmt.Errorf("replicas of pool %s: %w", p.Name, err)
		}
		err = a.store.View(func(tx *state.Tx) error {
			for _, r := range found {
				shown, err := a.shownReplica(tx, p, r, time.Now().UTC())
				if err != nil {
					return err
				}
				list = append(list, shown)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (a api) shownReplica(tx *state.Tx, p *Pool, r receive.Replica, now time.Time) (control.Replica, error) {
	source := a.nameOf(tx, r.Source)
	count := int64(len(r.Snapshots))
	newest := r.Snapshots[len(r.Snapshots)-1]
	shown := control.Replica{
		Name: r.Share + "@" + source, Task: newest.Task, Source: source, Share: r.Share, Pool: p.Name,
		LastReceivedAt: newest.Received, Path: r.Path, Snapshots: &count,
	}
	fresh := newest.Taken
	id, err := certs.ParseID(r.Source)
	if err == nil {
		index, ok, err := tx.Replica(id, p.UUID, r.Share)
		if err != nil {
			return shown, err
		}
		if ok {
			shown.EverySeconds, shown.Task = int64(index.EverySeconds), index.Task
			if index.FreshAt.After(fresh) {
				fresh = index.FreshAt
			}
		}
		if live, running := a.runs.get(runKey{side: state.Receive, peer: id, task: shown.Task}); running {
			progress := a.shownProgress(live, source, now)
			shown.Progress = &progress
		}
	}
	lag, known := plan.Lag(fresh, now)
	if known {
		shown.LagSeconds = seconds(lag)
	}
	shown.State, shown.Reason = replicaState(shown, newest, lag)
	return shown, nil
}

// replicaState says where a replica stands and why.
func replicaState(r control.Replica, newest receive.Received, lag time.Duration) (control.State, string) {
	every := time.Duration(r.EverySeconds) * time.Second
	switch {
	case newest.Modified:
		return control.StateRefused, "made writable by hand: " + newest.Problem
	case r.Progress != nil:
		return control.StateReceiving, ""
	case every > 0 && plan.Late(lag, every):
		return control.StateLate, "nothing came from " + r.Source
	}
	return control.StateOK, ""
}

// receiveHistory lists the newest runs into one replica, newest first.
func (a api) receiveHistory(ctx context.Context, req control.ReceiveHistory) ([]control.Receipt, error) {
	known, err := a.replicas(ctx, control.ReplicasRequest{})
	if err != nil {
		return nil, err
	}
	list := []control.Receipt{}
	err = a.store.View(func(tx *state.Tx) error {
		all, err := tx.Runs(state.RunFilter{Side: state.Receive, Since: sinceOf(req.SinceSeconds)})
		if err != nil {
			return err
		}
		name, err := a.replicaMeant(tx, req.Replica, known, all)
		if err != nil {
			return err
		}
		for _, rec := range all {
			shown := a.receipt(tx, rec)
			if shown.Replica == name && (!req.Failed || shown.Result == control.ResultFailed) {
				list = append(list, shown)
			}
		}
		return nil
	})
	return list[:min(len(list), limitOf(req.Limit))], err
}

// replicaMeant resolves a name among the replicas on disk and those in the
// history: a first run that failed has a history and no replica.
func (a api) replicaMeant(tx *state.Tx, given string, known []control.Replica, runs []state.Run) (string, error) {
	var names []string
	for _, r := range known {
		names = append(names, r.Name)
	}
	for _, r := range runs {
		names = append(names, r.Share+"@"+a.peerName(tx, r.Peer))
	}
	names = unique(names)
	name, err := control.Resolve("replica", given, names)
	if no, ok := errors.AsType[*control.Error](err); ok && no.Code == control.CodeReplicaNotFound {
		return "", control.ReplicaNotFound(given, names)
	}
	return name, err
}

func unique(names []string) []string {
	seen := map[string]bool{}
	var list []string
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			list = append(list, n)
		}
	}
	return list
}

// receipt is the row of a run as the target saw it.
func (a api) receipt(tx *state.Tx, rec state.Run) control.Receipt {
	rec = a.asItStands(rec)
	source := a.peerName(tx, rec.Peer)
	shown := control.Receipt{
		Number: rec.Number, Replica: rec.Share + "@" + source, Task: rec.Task, Source: source, StartedAt: rec.Started,
		ReceivedAt: rec.Ended, WrittenBytes: rec.StreamBytes, DataBytes: rec.DataBytes, MetaBytes: rec.MetaInBytes,
		Result: resultOf(rec), Reason: reasonOf(rec),
	}
	shown.Kind, shown.Snapshot = contentOf(rec)
	shown.TookSeconds, shown.BytesPerSecond = paceOfRun(rec)
	if !rec.State.Final() {
		p := progressOf(rec, source, 0)
		shown.Progress = &p
	}
	return shown
}
