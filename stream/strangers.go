package stream

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rates of handshakes that others begin, per second, each with a burst of as
// many. Rates, not concurrency, so that many slow strangers cannot shut a
// member out.
const (
	validateAbove        = 20 // of all strangers: beyond, an address must prove itself (Retry, RFC 9000 8.1.2)
	validateNetworkAbove = 5  // of one network
	refuseAbove          = 64 // of all strangers
	refuseNetworkAbove   = 16 // of one network, so that no network locks the others out
)

// maxNetworks bounds the table: beyond, the one heard of longest ago starts
// anew. Who can come from so many networks meets the rates of all.
const maxNetworks = 4096

// strangers decides by rate how a handshake is met, before anything of it is
// parsed but its header. Safe for concurrent use.
type strangers struct {
	mu       sync.Mutex
	all      budget
	networks map[netip.Prefix]*list.Element // of *network
	recent   *list.List                     // newest first
}

// network is a /24, a /64 or, with a member in it, one address.
type network struct {
	prefix netip.Prefix
	budget budget
}

// budget is what is left of two rates.
type budget struct{ unproven, begun *rate.Limiter }

func newBudget(validate, refuse int) budget {
	return budget{
		unproven: rate.NewLimiter(rate.Limit(validate), validate),
		begun:    rate.NewLimiter(rate.Limit(refuse), refuse),
	}
}

func newStrangers() *strangers {
	return &strangers{
		all:      newBudget(validateAbove, refuseAbove),
		networks: make(map[netip.Prefix]*list.Element), recent: list.New(),
	}
}

// validates says whether a handshake from from, which may be forged, has to
// wait until the address is proven. member: a live connection to a member has
// that address. It then has a budget to itself, as large as that of all
// strangers together.
func (s *strangers) validates(from netip.Addr, member bool, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.network(from, member).budget.unproven
	return !own.AllowN(now, 1) || !member && !s.all.unproven.AllowN(now, 1)
}

// refuses says whether a handshake from from is turned away.
func (s *strangers) refuses(from netip.Addr, member bool, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.network(from, member).budget.begun
	return !own.AllowN(now, 1) || !member && !s.all.begun.AllowN(now, 1)
}

func (s *strangers) network(from netip.Addr, member bool) *network {
	prefix := networkOf(from, member)
	if at, ok := s.networks[prefix]; ok {
		s.recent.MoveToFront(at)
		return at.Value.(*network) //nolint:errcheck // nothing else is in the list
	}
	if s.recent.Len() >= maxNetworks {
		oldest := s.recent.Remove(s.recent.Back()).(*network) //nolint:errcheck // as above
		delete(s.networks, oldest.prefix)
	}
	n := &network{prefix: prefix, budget: newBudget(validateNetworkAbove, refuseNetworkAbove)}
	if member {
		n.budget = newBudget(validateAbove, refuseAbove)
	}
	s.networks[prefix] = s.recent.PushFront(n)
	return n
}

// networkOf returns what shares a budget with a. A member's address shares its
// with nobody.
func networkOf(a netip.Addr, member bool) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	switch {
	case member:
	case a.Is4():
		bits = 24
	case a.Is6():
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address: a network of its own
	}
	return p
}

// hostOf is zero for an address that is neither UDP nor TCP.
func hostOf(a net.Addr) netip.Addr { return addrPort(a).Addr() }
