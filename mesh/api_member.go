package mesh

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
)

// renameAppliance gives this appliance another name.
func (a api) renameAppliance(_ context.Context, req control.RenameAppliance) (control.Renamed, error) {
	if err := checkName(req.Name); err != nil {
		return control.Renamed{}, err
	}
	change := control.Renamed{Old: a.name(), Name: req.Name, Unchanged: req.Name == a.name()}
	for _, m := range a.others() {
		if m.Name == req.Name {
			return change, control.NameTaken(req.Name)
		}
	}
	err := a.change(req.DryRun, func(tx *state.Tx) error {
		me, _, err := tx.Appliance()
		if err != nil {
			return err
		}
		me.Name = req.Name
		return tx.PutAppliance(me)
	})
	if err != nil {
		return change, err
	}
	if req.DryRun {
		change.Plan = &control.Plan{Would: "rename " + change.Old + " to " + req.Name}
		return change, nil
	}
	a.title.Store(&req.Name)
	a.log.Info("appliance renamed", "from", change.Old, "to", req.Name)
	return change, a.describe()
}

// changeAddress adds or removes an address where an appliance is tried.
func (a api) changeAddress(_ context.Context, req control.ChangeAddress) (control.AddressChange, error) {
	address, err := completeAddress(req.Address)
	if err != nil {
		return control.AddressChange{}, err
	}
	change := control.AddressChange{Address: address, Removed: req.Remove}
	var peer state.Peer
	err = a.change(req.DryRun, func(tx *state.Tx) error {
		var err error
		if peer, err = a.otherPeer(tx, req.Appliance); err != nil {
			return err
		}
		change.Appliance = peer.Name
		if change.Unchanged, err = editAddress(&peer, address, req.Remove); err != nil {
			return err
		}
		return tx.PutPeer(peer)
	})
	if err != nil {
		return change, err
	}
	if req.DryRun {
		change.Plan = &control.Plan{Would: addressWords(change)}
		return change, nil
	}
	change.Addresses = a.knownAddresses(peer.ID)
	if g := a.chat.Load(); g != nil {
		g.Wake()
	}
	return change, nil
}

func addressWords(c control.AddressChange) string {
	if c.Removed {
		return fmt.Sprintf("no longer try %s for %s", c.Address, c.Appliance)
	}
	return fmt.Sprintf("try %s for %s", c.Address, c.Appliance)
}

// editAddress changes what was set by hand, and says if nothing was to change.
func editAddress(p *state.Peer, address string, remove bool) (unchanged bool, err error) {
	has := slices.Contains(p.SetByHand, address)
	switch {
	case remove && !has:
		return false, control.AddressNotFound(p.Name, address, p.SetByHand)
	case remove:
		p.SetByHand = slices.DeleteFunc(slices.Clone(p.SetByHand), func(s string) bool { return s == address })
	case !has && len(p.SetByHand) >= mostAddresses:
		return false, control.Usage("%s has %d addresses already; remove one first.", p.Name, len(p.SetByHand))
	case !has:
		p.SetByHand = append(slices.Clone(p.SetByHand), address)
	}
	return has && !remove, nil
}

// completeAddress checks HOST or HOST:PORT and adds the default port.
func completeAddress(given string) (string, error) {
	full := withPort(given)
	host, port, err := net.SplitHostPort(full)
	if n, numErr := strconv.ParseUint(port, 10, 16); err != nil || host == "" || numErr != nil || n == 0 || len(full) > 255 {
		return "", control.BadAddress(given)
	}
	return full, nil
}

// ping asks an appliance once and measures the way.
func (a api) ping(ctx context.Context, req control.ApplianceRequest) (control.Ping, error) {
	p, err := a.peerMeant(req.Appliance)
	if err != nil {
		return control.Ping{}, err
	}
	if p.ID == a.me {
		return control.Ping{}, control.SelfTarget(a.name())
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	rtt, address, err := a.net.Ping(ctx, p.ID)
	if err != nil {
		if ctx.Err() != nil {
			err = a.timedOut(p.ID)
		}
		return control.Ping{}, explainer{here: a.name(), there: p.Name}.explain(err)
	}
	return control.Ping{Appliance: p.Name, ID: p.ID.String(), Address: address, RTTSeconds: rtt.Seconds()}, nil
}

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

// outing is a removal as it was asked for: a subject, and those it admitted.
type outing struct {
	subject  certs.Member
	reason   certs.Reason
	admitted []certs.Member // that are members through the subject
	also     []certs.Member // of admitted, that go too
	mesh     certs.MeshID
	set      *certs.RecordSet
}

// outing finds who is meant.
func (n *Node) outing(req control.RemoveAppliance) (outing, error) {
	r := n.members.now.Load()
	out := outing{reason: certs.Removed, mesh: r.fold.Mesh, set: r.set}
	if req.Lost {
		out.reason = certs.Lost
	}
	p, err := n.peerMeant(req.Appliance)
	if err != nil {
		return out, err
	}
	var ok bool
	if out.subject, ok = r.fold.Members[p.ID]; !ok {
		return out, control.Errorf(control.CodePeerRemoved, "%s is in no mesh.", p.Name)
	}
	if p.ID == n.me {
		out.reason = certs.Left
	}
	out.admitted = admittedBy(&r.fold, p.ID)
	for _, name := range req.Also {
		i := slices.IndexFunc(out.admitted, func(m certs.Member) bool { return m.Name == name || m.ID.String() == name })
		if i < 0 {
			return out, control.NotAdmitted(name, p.Name, namesOf(out.admitted))
		}
		out.also = append(out.also, out.admitted[i])
	}
	return out, nil
}

// admittedBy lists the members that id let in, by name.
func admittedBy(fold *certs.Membership, id certs.ID) []certs.Member {
	var list []certs.Member
	for _, m := range fold.Members {
		if m.AdmittedBy == id && m.ID != id {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b certs.Member) int { return a.ID.Compare(b.ID) })
	return list
}

func namesOf(list []certs.Member) []string {
	var names []string
	for _, m := range list {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return names
}

func (o outing) alsoNames() []string { return namesOf(o.also) }

// goes tells whether a member is removed by o.
func (o outing) goes(id certs.ID) bool {
	return id == o.subject.ID || slices.ContainsFunc(o.also, func(m certs.Member) bool { return m.ID == id })
}

func (o outing) stay() []string {
	return namesOf(slices.DeleteFunc(slices.Clone(o.admitted), func(m certs.Member) bool { return o.goes(m.ID) }))
}

// records are the signed removals. The admissions of those who stay are kept.
func (o outing) records(n *Node, at time.Time) ([]certs.Record, error) {
	var keeps []certs.RecordHash
	for _, r := range certs.Admitted(o.set, o.subject.ID) {
		if b, ok := r.Admit(); ok && !o.goes(b.Subject) {
			keeps = append(keeps, r.Hash())
		}
	}
	list, err := n.identity.Revoke(o.mesh, o.subject.ID, o.reason, keeps, at)
	for _, m := range o.also {
		more, alsoErr := n.removeOne(o, m, at)
		if alsoErr != nil {
			return nil, alsoErr
		}
		list = append(list, more...)
	}
	return list, err
}

// removeOne signs the removal of one that goes with the subject; whom it let in
// stays.
func (n *Node) removeOne(o outing, m certs.Member, at time.Time) ([]certs.Record, error) {
	if m.ID == n.me {
		return nil, control.Usage("%s cannot remove itself along with another.", m.Name)
	}
	reason := certs.Removed
	if o.reason == certs.Lost {
		reason = certs.Lost
	}
	var keeps []certs.RecordHash
	for _, r := range certs.Admitted(o.set, m.ID) {
		keeps = append(keeps, r.Hash())
	}
	return n.identity.Revoke(o.mesh, m.ID, reason, keeps, at)
}

// heldAgainst lists whose held removals name an appliance.
func (n *Node) heldAgainst(name string) []string {
	var list []string
	for _, h := range n.heldRemovals() {
		if slices.Contains(h.Subjects, name) {
			list = append(list, h.By)
		}
	}
	return list
}

func (n *Node) liveRunsWith(o outing) int {
	count := 0
	for _, r := range n.runs.all() {
		if o.goes(r.record().Peer) {
			count++
		}
	}
	return count
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
