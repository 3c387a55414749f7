package stream

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"btrmesh/certs"
)

// maxConns bounds the connections accepted from one peer, and those dialled
// to it.
const maxConns = 20

// registry knows every live connection to a member. Safe for concurrent use.
type registry struct {
	self   certs.ID
	mu     sync.Mutex
	links  map[certs.ID][]*link
	hosts  map[netip.Addr]int // connections per address
	closed bool
}

func newRegistry(self certs.ID) *registry {
	return &registry{self: self, links: make(map[certs.ID][]*link), hosts: make(map[netip.Addr]int)}
}

// add enters l. It fails with ErrClosed after closeAll, and if the peer has
// too many connections of that direction; the caller then closes l.
func (r *registry) add(l *link) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	if n := countDialled(r.links[l.peer], l.dialled); n >= maxConns {
		return fmt.Errorf("%d connections", n)
	}
	r.links[l.peer] = append(r.links[l.peer], l)
	r.hosts[l.host]++
	return nil
}

func (r *registry) remove(l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := len(r.links[l.peer])
	left := slices.DeleteFunc(r.links[l.peer], func(o *link) bool { return o == l })
	if len(left) == before {
		return // removed earlier
	}
	if r.hosts[l.host]--; r.hosts[l.host] == 0 {
		delete(r.hosts, l.host)
	}
	if len(left) == 0 {
		delete(r.links, l.peer)
		return
	}
	r.links[l.peer] = left
}

// knows says whether a member is connected from host.
func (r *registry) knows(host netip.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hosts[host] > 0
}

// best returns the mesh connection to use for peer, or nil.
func (r *registry) best(peer certs.ID) *link {
	r.mu.Lock()
	defer r.mu.Unlock()
	var best *link
	for _, l := range r.links[peer] {
		if l.greeted.Load() == nil || !l.live() {
			continue
		}
		if best == nil || l.claim(r.self).beats(best.claim(r.self)) {
			best = l
		}
	}
	return best
}

// of returns all connections to peer.
func (r *registry) of(peer certs.ID) []*link {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.links[peer])
}

// all returns every connection.
func (r *registry) all() []*link {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*link
	for _, links := range r.links {
		all = append(all, links...)
	}
	return all
}

// crowded says whether one more dialled connection to peer would be too many.
func (r *registry) crowded(peer certs.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return countDialled(r.links[peer], true) >= maxConns
}

// closeAll lets nothing in any more and closes what is there.
func (r *registry) closeAll(code uint64, why string) {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	for _, l := range r.all() {
		l.close(code, why)
	}
}

func countDialled(links []*link, dialled bool) int {
	n := 0
	for _, l := range links {
		if l.dialled == dialled {
			n++
		}
	}
	return n
}
