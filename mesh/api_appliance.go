package mesh

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
	"btrmesh/stream"
)

// appliances lists the mesh as this appliance sees it, itself first; with All
// also those that were removed.
func (a api) appliances(_ context.Context, req control.AppliancesRequest) ([]control.Appliance, error) {
	var list []control.Appliance
	fold := a.members.fold()
	err := a.store.View(func(tx *state.Tx) error {
		u, err := usesOf(tx)
		if err != nil {
			return err
		}
		list = append(list, a.self(u))
		for _, m := range a.others() {
			shown, err := a.appliance(tx, m, u)
			if err != nil {
				return err
			}
			list = append(list, shown)
		}
		return nil
	})
	if req.All {
		list = append(list, removedAppliances(fold)...)
	}
	return list, err
}

// uses are the tasks and replicas that appliances have to do with.
type uses struct {
	tasks    []state.Task
	replicas []state.Replica
}

func usesOf(tx *state.Tx) (u uses, err error) {
	if u.tasks, err = tx.Tasks(); err != nil {
		return u, err
	}
	u.replicas, err = tx.Replicas()
	return u, err
}

func (a api) self(u uses) control.Appliance {
	me := control.Appliance{
		Name: a.name(), ID: a.me.String(), Self: true, State: control.Online, Version: a.cfg.Version,
		LastSeenAt: time.Now().UTC(), Sends: int64(len(u.tasks)), Receives: int64(len(u.replicas)),
	}
	if own := a.listenAddresses(); len(own) > 0 {
		me.Address = withoutPort(own[0])
	}
	fold := a.members.fold()
	if r, ok := fold.Removed[a.me]; ok {
		me.Removal = shownRemoval(fold, r)
	}
	return me
}

func (a api) appliance(tx *state.Tx, m certs.Member, u uses) (control.Appliance, error) {
	p, _, err := tx.Peer(m.ID)
	view, fold := a.peers.get(m.ID), a.members.fold()
	shown := control.Appliance{
		Name: m.Name, ID: m.ID.String(), State: control.Offline, Address: withoutPort(p.LastAddress), Version: m.Description.Version,
		LastSeenAt: p.LastSeen, PairedAt: m.Admitted,
	}
	if shown.Version == "" {
		shown.Version = p.Version
	}
	if m.AdmittedBy.IsZero() { // the founder was never admitted: since this appliance was
		shown.PairedAt = fold.Members[a.me].Admitted
	}
	if view.seen.After(p.LastSeen) {
		shown.LastSeenAt = view.seen.UTC()
	}
	if view.address != "" {
		shown.Address = withoutPort(view.address)
	}
	if view.online {
		shown.State, shown.RTTSeconds, shown.Transport = control.Online, seconds(view.rtt), transport(view.tcp)
		if !view.info.Time.IsZero() {
			shown.ClockOffsetSeconds = seconds(view.offset)
		}
	}
	if r, ok := fold.Removed[m.ID]; ok {
		shown.Removal = shownRemoval(fold, r)
	}
	for _, t := range u.tasks {
		if t.Target == m.ID {
			shown.Receives++
		}
	}
	for _, r := range u.replicas {
		if r.Source == m.ID {
			shown.Sends++
		}
	}
	return shown, err
}

// removedAppliances lists those that are no members any more, by name.
func removedAppliances(fold *certs.Membership) []control.Appliance {
	var list []control.Appliance
	for id, r := range fold.Removed {
		if !fold.Has(id) {
			list = append(list, control.Appliance{Name: r.Name, ID: id.String(), State: control.Removed, Removal: shownRemoval(fold, r)})
		}
	}
	slices.SortFunc(list, func(a, b control.Appliance) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return list
}

func shownRemoval(fold *certs.Membership, r certs.Removal) *control.Removal {
	shown := &control.Removal{At: r.At, Reason: control.Reason(r.Reason.String()), Kept: r.Kept}
	if r.Reason == 0 {
		shown.Reason = control.ReasonRemoved
	}
	if len(r.By) > 0 {
		shown.By = nameIn(fold, r.By[0])
	}
	return shown
}

// showAppliance shows one appliance in full.
func (a api) showAppliance(ctx context.Context, req control.ApplianceRequest) (control.Appliance, error) {
	p, err := a.peerMeant(req.Appliance)
	if err != nil {
		if gone, ok := a.removedMeant(req.Appliance); ok {
			return gone, nil
		}
		return control.Appliance{}, err
	}
	fold := a.members.fold()
	m := fold.Members[p.ID]
	a.askMembers(ctx, []certs.Member{m})
	all, err := a.appliances(ctx, control.AppliancesRequest{})
	if err != nil {
		return control.Appliance{}, err
	}
	i := slices.IndexFunc(all, func(one control.Appliance) bool { return one.ID == p.ID.String() })
	if i < 0 {
		return control.Appliance{}, control.ApplianceNotFound(req.Appliance, nil)
	}
	shown := all[i]
	a.fillAppliance(&shown, m)
	return shown, a.fillGrants(&shown, p.ID)
}

// fillAppliance adds what only appliance show tells.
func (a api) fillAppliance(shown *control.Appliance, m certs.Member) {
	fold := a.members.fold()
	for id, other := range fold.Members {
		if id != m.ID && other.AdmittedBy == m.ID {
			shown.Admitted = append(shown.Admitted, other.Name)
		}
	}
	slices.Sort(shown.Admitted)
	if !m.AdmittedBy.IsZero() {
		shown.AdmittedBy = nameIn(fold, m.AdmittedBy)
	}
	if shown.Self {
		on, err := a.serviceOn()
		if err == nil {
			shown.ServiceOn = &on
		}
		shown.Protocol = int64(stream.Protocol().Max)
		for _, own := range a.listenAddresses() {
			shown.Addresses = append(shown.Addresses, control.Address{Address: own, From: control.AddressAnnounced})
		}
		return
	}
	shown.Addresses, shown.Protocol = a.knownAddresses(m.ID), int64(m.Description.ProtocolMax)
	a.fillLine(shown, m.ID)
	if view := a.peers.get(m.ID); !view.info.Time.IsZero() {
		on := view.info.ServiceOn
		shown.ServiceOn = &on
		for _, p := range view.info.Pools {
			if p.Grant.Granted {
				shown.MayReceive = append(shown.MayReceive, control.PoolUse{Pool: p.Name, QuotaBytes: quotaOf(p.Grant.Quota)})
			}
		}
	}
}

// fillGrants lists the pools here that an appliance may write into.
func (a api) fillGrants(shown *control.Appliance, id certs.ID) error {
	return a.store.View(func(tx *state.Tx) error {
		grants, err := tx.GrantsTo(id)
		for _, g := range grants {
			shown.MayWrite = append(shown.MayWrite, control.PoolUse{Pool: g.PoolName, QuotaBytes: quotaOf(g.QuotaBytes)})
		}
		return err
	})
}

// removedMeant finds one that is no member any more by its name in full or its ID.
func (a api) removedMeant(given string) (control.Appliance, bool) {
	for _, one := range removedAppliances(a.members.fold()) {
		if one.Name == given || len(given) >= 7 && strings.HasPrefix(one.ID, strings.ToUpper(given)) {
			return one, true
		}
	}
	return control.Appliance{}, false
}

// withoutPort leaves the default port out of an address for people.
func withoutPort(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port != strconv.Itoa(DefaultPort) {
		return address
	}
	return host
}

// findPeer returns the member meant by a name, a prefix of one, or an ID.
func (n *Node) findPeer(tx *state.Tx, given string) (state.Peer, error) {
	if namedByID(n.me, given) {
		return state.Peer{ID: n.me, Name: n.name()}, nil
	}
	names := []string{n.name()}
	others := n.others()
	for _, m := range others {
		names = append(names, m.Name)
		if namedByID(m.ID, given) {
			return knownPeer(tx, m)
		}
	}
	name, err := control.Resolve("appliance", given, names)
	if err != nil {
		return state.Peer{}, err
	}
	for _, m := range others {
		if m.Name == name {
			return knownPeer(tx, m)
		}
	}
	return state.Peer{ID: n.me, Name: n.name()}, nil
}

// namedByID tells whether given is the beginning of an ID, as long as the short
// form at least.
func namedByID(id certs.ID, given string) bool {
	return len(given) >= 7 && strings.HasPrefix(id.String(), strings.ToUpper(given))
}

// knownPeer is what is remembered of a member, under its name of now.
func knownPeer(tx *state.Tx, m certs.Member) (state.Peer, error) {
	p, _, err := tx.Peer(m.ID)
	p.ID, p.Name = m.ID, m.Name
	return p, err
}

// otherPeer is findPeer for what cannot be this appliance itself.
func (n *Node) otherPeer(tx *state.Tx, given string) (state.Peer, error) {
	p, err := n.findPeer(tx, given)
	if err == nil && p.ID == n.me {
		return p, control.SelfTarget(n.name())
	}
	return p, err
}

// nameOf returns the name of an appliance by its ID's text.
func (n *Node) nameOf(tx *state.Tx, id string) string {
	parsed, err := certs.ParseID(id)
	if err != nil {
		return id
	}
	return n.peerName(tx, parsed)
}
