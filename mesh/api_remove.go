package mesh

import (
	"context"
	"slices"
	"time"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
)

// removeAppliance takes an appliance out of the mesh for good, or this one.
func (a api) removeAppliance(_ context.Context, req control.RemoveAppliance) (control.MemberChange, error) {
	out, err := a.outing(req)
	if err != nil {
		return control.MemberChange{}, err
	}
	change := control.MemberChange{
		Appliance: out.subject.Name, ID: out.subject.ID.String(), Self: out.subject.ID == a.me, Also: out.alsoNames(), Stay: out.stay(),
	}
	change.Decided = a.heldAgainst(out.subject.Name)
	if req.DryRun {
		preview, err := a.removalPreview(out, change)
		change.Plan = &control.Plan{Would: "remove " + out.subject.Name + " from the mesh", Removal: preview}
		return change, err
	}
	change.StoppedRuns = int64(a.liveRunsWith(out))
	if err := a.members.approve(out.subject.ID); err != nil {
		return change, err
	}
	records, err := out.records(a.Node, a.now())
	if err != nil {
		return change, err
	}
	a.log.Warn("appliance removed", "peer", out.subject.Name, "id", out.subject.ID.Short(), "reason", out.reason)
	return change, a.members.issue(records...)
}

// removalPreview tells what a removal would mean here.
func (a api) removalPreview(o outing, change control.MemberChange) (*control.RemovalPreview, error) {
	p := &control.RemovalPreview{
		Appliance: change.Appliance, ID: change.ID, Self: change.Self, Admitted: change.Stay, Also: change.Also, Held: change.Decided,
	}
	for id, m := range a.members.fold().Members {
		if !o.goes(id) {
			p.Members = append(p.Members, m.Name)
		}
	}
	slices.Sort(p.Members)
	return p, a.store.View(func(tx *state.Tx) error {
		u, err := usesOf(tx)
		for _, t := range u.tasks {
			if o.goes(t.Target) {
				p.Tasks = append(p.Tasks, t.Name)
			}
		}
		for _, r := range u.replicas {
			if o.goes(r.Source) {
				p.Replicas = append(p.Replicas, r.Share+"@"+a.peerName(tx, r.Source))
			}
		}
		return err
	})
}

// keepAppliance ignores here what others decide about an appliance, or settles
// which of two machines with this key is the real one.
func (a api) keepAppliance(_ context.Context, req control.KeepAppliance) (control.MemberChange, error) {
	id, name, err := a.keepable(req.Appliance)
	if err != nil {
		return control.MemberChange{}, err
	}
	change := control.MemberChange{Appliance: name, ID: id.String(), Self: id == a.me, Decided: a.heldAgainst(name)}
	if id == a.me {
		return a.keepSelf(change, req.DryRun)
	}
	change.Unchanged = a.members.now.Load().local.Keep[id]
	if req.DryRun {
		change.Plan = &control.Plan{Would: "keep " + name + " a member on this appliance"}
		return change, nil
	}
	a.log.Warn("appliance kept", "peer", name, "id", id.Short())
	return change, a.members.override(func(tx *state.Tx, _ *roster) error {
		return tx.PutDecision(state.Decision{Subject: id, Verdict: state.Keep, At: time.Now().UTC()})
	})
}

// keepable finds a member, or one that was removed.
func (a api) keepable(given string) (certs.ID, string, error) {
	p, err := a.peerMeant(given)
	if err == nil {
		return p.ID, p.Name, nil
	}
	gone, ok := a.removedMeant(given)
	if !ok {
		return certs.ID{}, "", err
	}
	id, parseErr := certs.ParseID(gone.ID)
	return id, gone.Name, parseErr
}

func (a api) keepSelf(change control.MemberChange, dry bool) (control.MemberChange, error) {
	_, open := a.twin()
	change.Twin, change.Unchanged = open, !open
	if dry {
		change.Plan = &control.Plan{Would: "take this machine for the real " + change.Appliance}
		return change, nil
	}
	return change, a.store.Update(func(tx *state.Tx) error {
		me, _, err := tx.Appliance()
		if err != nil || !open {
			return err
		}
		me.Twin.Settled = true
		return tx.PutAppliance(me)
	})
}
