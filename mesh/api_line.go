package mesh

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
	"btrmesh/stream"
)

// setLanes chooses what carries data to an appliance, from the next run on.
func (a api) setLanes(_ context.Context, req control.SetLanes) (control.LineChange, error) {
	policy, err := stream.ParseLanePolicy(req.Lanes)
	if err != nil {
		return control.LineChange{}, control.BadLanes(req.Lanes)
	}
	change, err := a.changeLine(req.Appliance, req.DryRun, func(p *state.Peer) string {
		was := lanesOf(*p)
		p.Lanes = policy.String()
		return fmt.Sprintf("carry data to %s by %s, not %s", p.Name, policy, was)
	})
	if err == nil && !req.DryRun {
		a.log.Info("lanes chosen", "peer", change.Appliance, "lanes", change.Lanes)
	}
	return change, err
}

// setLimit bounds what goes to an appliance, runs under way included.
func (a api) setLimit(_ context.Context, req control.SetLimit) (control.LineChange, error) {
	if err := checkRate("limit", req.LimitBytesPerSecond); err != nil {
		return control.LineChange{}, err
	}
	var id certs.ID
	change, err := a.changeLine(req.Appliance, req.DryRun, func(p *state.Peer) string {
		id = p.ID
		was := rateText(p.LimitBytes)
		p.LimitBytes = req.LimitBytesPerSecond
		return fmt.Sprintf("limit all that goes to %s to %s, not %s", p.Name, rateText(p.LimitBytes), was)
	})
	if err == nil && !req.DryRun {
		hold(a.limits.peer(id), req.LimitBytesPerSecond)
		a.log.Info("limit set", "peer", change.Appliance, "bytes_per_second", req.LimitBytesPerSecond)
	}
	return change, err
}

// changeLine changes how data goes to an appliance; fn says in words what it did.
func (a api) changeLine(given string, dry bool, fn func(*state.Peer) string) (control.LineChange, error) {
	var change control.LineChange
	var would string
	err := a.change(dry, func(tx *state.Tx) error {
		p, err := a.otherPeer(tx, given)
		if err != nil {
			return err
		}
		before := p
		would = fn(&p)
		change = control.LineChange{
			Appliance: p.Name, Lanes: lanesOf(p), LimitBytesPerSecond: bytesUnlessZero(p.LimitBytes), Runs: a.runsTo(p.ID),
			Unchanged: lanesOf(before) == lanesOf(p) && before.LimitBytes == p.LimitBytes,
		}
		return errors.Join(err, tx.PutPeer(p))
	})
	if err != nil {
		return control.LineChange{}, err
	}
	if dry {
		return control.LineChange{Plan: &control.Plan{Would: would}}, nil
	}
	return change, nil
}

// lanesOf is what carries data to a peer, in a word.
func lanesOf(p state.Peer) string { return cmp.Or(p.Lanes, control.LanesAuto) }

// runsTo counts the runs under way to a peer.
func (n *Node) runsTo(id certs.ID) int64 {
	count := int64(0)
	for _, r := range n.runs.all() {
		if rec := r.stored(); rec.Side == state.Send && rec.Peer == id {
			count++
		}
	}
	return count
}

// lanePolicy is what the operator chose to carry data to a peer.
func (n *Node) lanePolicy(id certs.ID) stream.LanePolicy {
	var policy stream.LanePolicy
	err := n.store.View(func(tx *state.Tx) error {
		p, ok, err := tx.Peer(id)
		if err != nil || !ok {
			return err
		}
		policy, err = stream.ParseLanePolicy(lanesOf(p))
		return err
	})
	if err != nil {
		n.log.Error("choice of lanes not readable", "peer", id.Short(), "err", err)
	}
	return policy
}

// fillLine adds how data goes to an appliance.
func (a api) fillLine(shown *control.Appliance, id certs.ID) {
	shown.Lanes = a.lanePolicy(id).String()
	shown.LimitBytesPerSecond = bytesUnlessZero(a.limits.peer(id).Limit())
}
