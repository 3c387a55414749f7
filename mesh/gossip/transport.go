package gossip

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"btrmesh/certs"
)

const (
	packetQueue = 256 // packets that wait for memberlist
	maxStreams  = 64  // served at once; memberlist would take 128 of 20 MiB each
)

// transport carries memberlist's packets and streams over the Network, by name,
// and lets none in that is not from a member, for this mesh and well formed on
// the outside. memberlist parses the rest. Safe for concurrent use.
type transport struct {
	c        Config
	roll     *roll
	names    *names
	counters *counters
	prefix   prefix
	news     chan<- struct{}                                            // gets a note for each packet that carries some
	dial     func(to certs.ID, timeout time.Duration) (net.Conn, error) // set by serve
	packets  chan *memberlist.Packet
	streams  chan net.Conn
	up       atomic.Bool

	mu   sync.Mutex
	open map[*conn]bool // closed when memberlist is, for its goroutines to end
	down chan struct{}  // closed by Shutdown
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

func newTransport(c Config, r *roll, names *names, news chan<- struct{}, n *counters) *transport {
	return &transport{
		c: c, roll: r, names: names, news: news, counters: n, prefix: prefix(c.Mesh[:prefixSize]),
		packets: make(chan *memberlist.Packet, packetQueue),
		streams: make(chan net.Conn),
		open:    make(map[*conn]bool),
		down:    make(chan struct{}),
	}
}

// serve lets packets and streams pass. Dials end with ctx. It is called once,
// before memberlist is made.
func (t *transport) serve(ctx context.Context) {
	t.dial = func(to certs.ID, timeout time.Duration) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return t.c.Network.OpenGossip(ctx, to)
	}
	t.up.Store(true)
}

// receive takes a packet of a member.
func (t *transport) receive(from certs.ID, addr netip.AddrPort, b []byte) {
	if !t.up.Load() {
		return
	}
	body, ok := t.prefix.cut(b)
	if !ok || !t.c.IsMember(from) || !packetAllowed(body) {
		t.counters.packetsRefused.Add(1)
		return
	}
	t.roll.hear(from)
	t.hand(net.UDPAddrFromAddrPort(addr), body)
}

// hand gives memberlist a packet to read.
func (t *transport) hand(from net.Addr, body []byte) {
	t.note(body)
	select {
	case t.packets <- &memberlist.Packet{Buf: body, From: from, Timestamp: time.Now()}:
	default:
		t.counters.packetsDropped.Add(1)
	}
}

// accept hands a member's stream to memberlist and waits until it is closed.
func (t *transport) accept(ctx context.Context, from certs.ID, raw net.Conn) {
	c := &conn{Conn: raw, t: t, in: &t.prefix, allowed: requests, done: make(chan struct{})}
	defer func() { _ = c.Close() }() // closed by memberlist already, or not worth a word
	if !t.c.IsMember(from) || !t.enter(c, maxStreams) {
		t.counters.streamsRefused.Add(1)
		return
	}
	select {
	case t.streams <- c:
	case <-t.down:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-c.done:
	case <-ctx.Done():
	}
}

// enter notes an open stream, unless there are so many already, or none is
// served.
func (t *transport) enter(c *conn, limit int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.up.Load() || len(t.open) >= limit {
		return false
	}
	t.open[c] = true
	return true
}

func (t *transport) leave(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, c)
}

// WriteToAddress implements memberlist.NodeAwareTransport. It never fails: of
// an error memberlist would conclude that its own side is broken, and the dead
// would live for ever.
func (t *transport) WriteToAddress(b []byte, to memberlist.Address) (time.Time, error) {
	now := time.Now()
	id, err := t.names.id(to.Name)
	if err != nil || !t.up.Load() || !t.c.IsMember(id) {
		return now, nil //nolint:nilerr // see above
	}
	t.c.Network.SendPacket(id, t.prefix.put(b))
	t.note(b)
	return now, nil
}

// note has news passed on, or sent again: memberlist sends all of it several times.
func (t *transport) note(packet []byte) {
	if carriesNews(packet) {
		wake(t.news)
	}
}

// DialAddressTimeout implements memberlist.NodeAwareTransport.
func (t *transport) DialAddressTimeout(to memberlist.Address, timeout time.Duration) (net.Conn, error) {
	id, err := t.names.id(to.Name)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	if !t.c.IsMember(id) {
		return nil, fmt.Errorf("dial %s: %w", id.Short(), errStranger)
	}
	if timeout < t.c.Timing.Probe { // what is left of a probe whose packet was not answered in time
		asked := time.Now()
		time.AfterFunc(timeout, func() { t.roll.doubt(id, asked) })
	}
	return t.reach(id, timeout)
}

func (t *transport) reach(id certs.ID, timeout time.Duration) (net.Conn, error) {
	raw, err := t.dial(id, timeout)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", id.Short(), err)
	}
	c := &conn{Conn: raw, t: t, out: &t.prefix, allowed: replies, done: make(chan struct{})}
	if !t.enter(c, 2*maxStreams) {
		_ = c.Close() // nothing was sent
		return nil, fmt.Errorf("dial %s: %w", id.Short(), errClosed)
	}
	return c, nil
}

// PacketCh implements memberlist.Transport.
func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh implements memberlist.Transport.
func (t *transport) StreamCh() <-chan net.Conn { return t.streams }

// FinalAdvertiseAddr implements memberlist.Transport.
func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return anywhereIP(), anywherePort, nil
}

// WriteTo implements memberlist.Transport. It drops what has no name.
func (t *transport) WriteTo(_ []byte, _ string) (time.Time, error) { return time.Now(), nil }

// DialTimeout implements memberlist.Transport. It fails: addresses mean nothing.
func (t *transport) DialTimeout(addr string, _ time.Duration) (net.Conn, error) {
	return nil, fmt.Errorf("dial %q: %w", addr, errStranger)
}

// Shutdown implements memberlist.Transport. It closes all streams, so that what
// memberlist still does with them ends.
func (t *transport) Shutdown() error {
	t.mu.Lock()
	t.up.Store(false)
	close(t.down)
	var rest []*conn
	for c := range t.open {
		rest = append(rest, c)
	}
	t.mu.Unlock()
	for _, c := range rest {
		_ = c.Close() // a goodbye is not sent on them
	}
	return nil
}
