package mesh

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
	"btrmesh/stream"
)

// membershipChanged draws the consequences of a change, which is stored already.
// It is called for one change at a time and does not wait for anybody.
func (n *Node) membershipChanged(c memberChange) {
	chat := n.chat.Load()
	if chat != nil && len(c.fresh) > 0 {
		chat.Broadcast(bytesOfRecords(c.fresh)) // before any connection is cut
	}
	before, after := &c.before.fold, &c.after.fold
	for id, m := range before.Members {
		if !after.Has(id) && after.Mesh == before.Mesh {
			n.expel(id, m.Name, farewell(after, id))
		}
	}
	for id, m := range after.Members {
		if !before.Has(id) && id != n.me {
			n.log.Info("appliance is a member", "peer", m.Name, "id", id.Short())
		}
		if movedOn(before.Members[id].Description, m.Description) {
			n.net.Redial(id)
		}
	}
	if c.from != n.me {
		n.hearOwn(c.fresh)
	} else if slices.ContainsFunc(c.fresh, decisive) {
		notify(n.urgent)
	}
	if after.Mesh != before.Mesh {
		notify(n.moved)
	}
	if chat != nil {
		chat.Wake()
	}
	n.wakeUp()
}

// movedOn tells whether a dial begun under the description before may be in vain:
// the appliance is elsewhere, or has started anew.
func movedOn(before, after certs.Description) bool {
	return before.Instance != after.Instance || !slices.Equal(before.Addresses, after.Addresses)
}

// decisive records say who is a member.
func decisive(r certs.Record) bool { return r.Kind() == certs.Revoke || r.Kind() == certs.Admit }

func bytesOfRecords(records []certs.Record) [][]byte {
	raw := make([][]byte, 0, len(records))
	for _, r := range records {
		raw = append(raw, r.Bytes())
	}
	return raw
}

// notify leaves a note in a channel of one place.
func notify(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// expel cuts everything with one that is no member any more.
func (n *Node) expel(id certs.ID, name, why string) {
	n.log.Warn("appliance is no member any more", "peer", name, "id", id.Short(), "why", why)
	if id == n.me {
		return // the others cut us
	}
	stopped := n.runs.cancelWhere(func(r state.Run) bool { return r.Peer == id }, errRemoved)
	n.net.Disconnect(id, stream.CodeRemoved, why)
	if chat := n.chat.Load(); chat != nil {
		chat.Forget(id)
	}
	n.peers.forget(id)
	n.memory.forget(id)
	if stopped > 0 {
		n.log.Info("runs stopped", "peer", name, "runs", stopped)
	}
}

// farewell is what a removed appliance is told.
func farewell(fold *certs.Membership, id certs.ID) string {
	r, ok := fold.Removed[id]
	if !ok {
		return "it is no member"
	}
	return "removed from the mesh " + removalWords(fold, r)
}

// removalWords says who removed an appliance, and when.
func removalWords(fold *certs.Membership, r certs.Removal) string {
	by := "by a decision there"
	if len(r.By) > 0 {
		by = "by " + nameIn(fold, r.By[0])
	}
	if r.Fallen {
		by = "with " + nameIn(fold, r.By[0]) + ", which had let it in"
	}
	if r.At.IsZero() {
		return by
	}
	return by + " on " + r.At.Format(time.DateOnly)
}

// nameIn returns what the records call an appliance, or the short form of its ID.
func nameIn(fold *certs.Membership, id certs.ID) string {
	if m, ok := fold.Members[id]; ok {
		return m.Name
	}
	if r, ok := fold.Removed[id]; ok && r.Name != "" {
		return r.Name
	}
	return id.Short()
}

// removed implements stream.Config.Removed.
func (n *Node) removed(id certs.ID) (string, bool) {
	fold := n.members.fold()
	if r, ok := fold.Removed[id]; !ok || r.Kept {
		return "", false
	}
	return farewell(fold, id), true
}

// found makes the mesh of this appliance, when it is in none yet.
func (n *Node) found() error {
	if !n.members.mesh().IsZero() {
		return nil
	}
	genesis, err := n.identity.Genesis(n.name(), n.now())
	if err != nil {
		return err
	}
	if err := n.members.issue(genesis); err != nil {
		return fmt.Errorf("found a mesh: %w", err)
	}
	n.log.Info("mesh founded", "mesh", genesis.Mesh().Short())
	return n.describe()
}

// describeEvery is how often this appliance looks whether what it said about
// itself still holds.
const describeEvery = 15 * time.Second

// keepDescribed tells the mesh of every change of this appliance's name,
// addresses or version.
func (n *Node) keepDescribed(ctx context.Context) error {
	tick := time.NewTicker(describeEvery)
	defer tick.Stop()
	var dispute dispute
	for due := true; ; {
		if due {
			if err := n.describe(); err != nil {
				n.log.Error("appliance not described", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			due = dispute.turn(n.disputed(), time.Now())
		case <-n.redescribe:
			due = true
		}
	}
}

// describe signs a new description of this appliance if the one that is known is
// not true any more.
func (n *Node) describe() error {
	fold := n.members.fold()
	me, ok := fold.Members[n.me]
	if !ok {
		return nil
	}
	d := n.description()
	d.Seq = me.Description.Seq
	if me.HasDescription && sameDescription(d, me.Description) {
		return nil
	}
	d.Seq++
	rec, err := n.identity.Describe(fold.Mesh, d, n.now())
	for err != nil && len(d.Addresses) > 0 { // many long ones do not fit into a record
		d.Addresses = d.Addresses[:len(d.Addresses)-1]
		rec, err = n.identity.Describe(fold.Mesh, d, n.now())
	}
	if err != nil {
		return err
	}
	return n.members.issue(rec)
}

// mostAddresses bounds what is told of, and tried for, one appliance.
const mostAddresses = 16

// description is what this appliance is. Its instance is that of this start: two
// machines with one key have two.
func (n *Node) description() certs.Description {
	addresses := n.listenAddresses()
	p := stream.Protocol()
	return certs.Description{
		Name: n.name(), Addresses: addresses[:min(len(addresses), mostAddresses)], Port: n.port, Version: n.cfg.Version,
		ProtocolMin: uint16(p.Min), ProtocolMax: uint16(p.Max), Instance: n.instance, Boots: n.boots,
	}
}

func sameDescription(a, b certs.Description) bool {
	return slices.Equal(a.Addresses, b.Addresses) && a.Seq == b.Seq && a.Name == b.Name && a.Port == b.Port &&
		a.Version == b.Version && a.ProtocolMin == b.ProtocolMin && a.ProtocolMax == b.ProtocolMax &&
		a.Instance == b.Instance && a.Boots == b.Boots
}

// logMembers says at the start who this appliance is with.
func (n *Node) logMembers(log *slog.Logger) {
	fold := n.members.fold()
	if fold.Mesh.IsZero() {
		log.Info("in no mesh yet")
		return
	}
	log.Info("mesh", "mesh", fold.Mesh.Short(), "members", len(fold.Members))
	if !fold.Has(n.me) {
		log.Warn("this appliance was removed from its mesh", "why", farewell(fold, n.me))
	}
}

// heldRemovals lists what waits for a person here.
func (n *Node) heldRemovals() []control.HeldRemoval {
	r := n.members.now.Load()
	by := map[certs.ID]*control.HeldRemoval{}
	var order []certs.ID
	for h, held := range r.local.Held {
		rec, ok := r.set.Get(h)
		revoke, is := rec.Revoke()
		if !held || !ok || !is || r.local.Keep[revoke.Subject] || !r.fold.Has(revoke.Subject) {
			continue
		}
		one, seen := by[rec.Issuer()]
		if !seen {
			one = &control.HeldRemoval{By: nameIn(&r.fold, rec.Issuer()), Members: int64(len(r.fold.Members)), Since: rec.At()}
			by[rec.Issuer()] = one
			order = append(order, rec.Issuer())
		}
		if name := nameIn(&r.fold, revoke.Subject); !slices.Contains(one.Subjects, name) {
			one.Subjects = append(one.Subjects, name)
		}
	}
	slices.SortFunc(order, certs.ID.Compare)
	var list []control.HeldRemoval
	for _, id := range order {
		slices.Sort(by[id].Subjects)
		list = append(list, *by[id])
	}
	return list
}
