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
)

// appliances lists the mesh as this appliance sees it, itself first.
func (a api) appliances(context.Context, control.AppliancesRequest) ([]control.Appliance, error) {
	var list []control.Appliance
	err := a.store.View(func(tx *state.Tx) error {
		tasks, err := tx.Tasks()
		if err != nil {
			return err
		}
		replicas, err := tx.Replicas()
		if err != nil {
			return err
		}
		peers, err := tx.Peers()
		slices.SortFunc(peers, func(p, q state.Peer) int { return cmp.Compare(p.Name, q.Name) })
		list = append(list, a.self(len(tasks), len(replicas)))
		for _, p := range peers {
			list = append(list, a.appliance(p, tasks, replicas))
		}
		return err
	})
	return list, err
}

func (a api) self(tasks, replicas int) control.Appliance {
	me := control.Appliance{
		Name: a.name(), ID: a.me.String(), Self: true, State: control.Online, Version: a.cfg.Version,
		LastSeenAt: time.Now().UTC(), Sends: int64(tasks), Receives: int64(replicas),
	}
	if own := a.listenAddresses(); len(own) > 0 {
		me.Address = withoutPort(own[0])
	}
	return me
}

func (a api) appliance(p state.Peer, tasks []state.Task, replicas []state.Replica) control.Appliance {
	view := a.peers.get(p.ID)
	shown := control.Appliance{
		Name: p.Name, ID: p.ID.String(), State: control.Offline, Address: withoutPort(p.LastAddress), Version: p.Version,
		LastSeenAt: p.LastSeen, PairedAt: p.Paired,
	}
	if view.seen.After(p.LastSeen) {
		shown.LastSeenAt, shown.Version = view.seen.UTC(), view.info.Version
	}
	if view.address != "" {
		shown.Address = withoutPort(view.address)
	}
	for _, l := range a.net.Links() { // who is connected is there, asked or not
		if l.Peer == p.ID && !view.online {
			view.online, view.rtt = true, l.RTT
			shown.Version, shown.LastSeenAt = l.Version, time.Now().UTC()
		}
	}
	if view.online {
		shown.State, shown.RTTSeconds, shown.ClockOffsetSeconds = control.Online, seconds(view.rtt), seconds(view.offset)
	}
	for _, t := range tasks {
		if t.Target == p.ID {
			shown.Receives++
		}
	}
	for _, r := range replicas {
		if r.Source == p.ID {
			shown.Sends++
		}
	}
	return shown
}

// withoutPort leaves the default port out of an address for people.
func withoutPort(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port != strconv.Itoa(DefaultPort) {
		return address
	}
	return host
}

// findPeer returns the appliance meant by a name, a prefix of one, or an ID.
func (n *Node) findPeer(tx *state.Tx, given string) (state.Peer, error) {
	all, err := tx.Peers()
	if err != nil {
		return state.Peer{}, err
	}
	names := []string{n.name()}
	for _, p := range all {
		names = append(names, p.Name)
		if len(given) >= 7 && strings.HasPrefix(p.ID.String(), strings.ToUpper(given)) {
			return p, nil
		}
	}
	name, err := control.Resolve("appliance", given, names)
	if err != nil {
		return state.Peer{}, err
	}
	for _, p := range all {
		if p.Name == name {
			return p, nil
		}
	}
	return state.Peer{ID: n.me, Name: n.name()}, nil
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
