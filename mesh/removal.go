package mesh

import (
	"slices"
	"time"

	"btrmesh/certs"
	"btrmesh/mesh/control"
)

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
