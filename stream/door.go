package stream

import (
	"net/netip"
	"sync"
	"time"
)

// Bounds of TCP handshakes under way: they hold a descriptor and some memory.
// The rates of strangers hold as well, so that who is slow on purpose shuts
// nobody out for long.
const (
	doorAll     = 128 // of all strangers
	doorNetwork = 16  // of one network, or of a member's address
)

// door bounds the TCP connections whose peer is not known yet. Safe for
// concurrent use.
type door struct {
	strangers *strangers

	mu       sync.Mutex
	all      int // of networks without a member
	networks map[netip.Prefix]int
}

func newDoor() *door { return &door{strangers: newStrangers(), networks: make(map[netip.Prefix]int)} }

// enter counts a connection from from, or turns it away. member: a live
// connection to a member has that address; it does not count among strangers.
// leave must be called once it is known who it is.
func (d *door) enter(from netip.Addr, member bool, now time.Time) (leave func(), ok bool) {
	prefix := networkOf(from, member)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.networks[prefix] >= doorNetwork || !member && d.all >= doorAll || d.strangers.refuses(from, member, now) {
		return nil, false
	}
	d.networks[prefix]++
	if !member {
		d.all++
	}
	return sync.OnceFunc(func() { d.leave(prefix, member) }), true
}

func (d *door) leave(prefix netip.Prefix, member bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.networks[prefix]--; d.networks[prefix] == 0 {
		delete(d.networks, prefix)
	}
	if !member {
		d.all--
	}
}
