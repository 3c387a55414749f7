package mesh

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
)

// addresses lists where a peer may be reached, the likeliest first: where it was
// last, what a person said, what it says itself.
func (n *Node) addresses(id certs.ID) []string {
	var list []string
	for _, a := range n.knownAddresses(id) {
		list = append(list, a.Address)
	}
	return list
}

// knownAddresses is addresses with where each is known from.
func (n *Node) knownAddresses(id certs.ID) []control.Address {
	var p state.Peer
	err := n.store.View(func(tx *state.Tx) (err error) {
		p, _, err = tx.Peer(id)
		return err
	})
	if err != nil {
		n.log.Error("addresses not readable", "peer", id.Short(), "err", err)
	}
	list := addressList{}
	for _, l := range n.net.Links() {
		if l.Peer == id && dialable(l) {
			list.add(control.AddressInUse, time.Time{}, l.Addr)
		}
	}
	said := n.members.fold().Members[id].Description.Addresses
	list.add(control.AddressAdded, time.Time{}, p.SetByHand...)
	list.add(control.AddressSeen, p.LastSeen, p.LastAddress)
	list.add(control.AddressAnnounced, time.Time{}, append(cleanAddresses(said), p.Addresses...)...)
	return list.known
}

// addressList collects addresses, each once.
type addressList struct{ known []control.Address }

func (l *addressList) add(from string, seen time.Time, addresses ...string) {
	for _, a := range addresses {
		known := slices.ContainsFunc(l.known, func(k control.Address) bool { return k.Address == a })
		if a != "" && !known && len(l.known) < mostAddresses {
			l.known = append(l.known, control.Address{Address: a, From: from, SeenAt: seen})
		}
	}
}

// listenAddresses lists where this appliance may be reached: the address it
// listens on, or all of the machine's but loopback and link-local.
func (n *Node) listenAddresses() []string {
	if host, err := netip.ParseAddr(n.listenHost); err == nil && !host.IsUnspecified() {
		return []string{netip.AddrPortFrom(host, n.port).String()}
	}
	local, err := net.InterfaceAddrs()
	if err != nil {
		n.log.Warn("own addresses not listed", "err", err)
	}
	var list []string
	for _, a := range local {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().IsGlobalUnicast() {
			list = append(list, netip.AddrPortFrom(p.Addr(), n.port).String())
		}
	}
	return list
}

// cleanAddresses drops what a peer says it listens on and that is no address.
func cleanAddresses(given []string) []string {
	var list []string
	for _, a := range given {
		if _, err := netip.ParseAddrPort(a); err == nil {
			list = append(list, a)
		}
	}
	return list
}

// withPort completes HOST by the default port.
func withPort(address string) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(address, strconv.Itoa(DefaultPort))
}
