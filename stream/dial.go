package stream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/quic-go/quic-go"

	"btrmesh/certs"
)

// dials holds the dial under way to each peer, so that all who want the same
// connection share it. Safe for concurrent use.
type dials struct {
	mu      sync.Mutex
	flights map[certs.ID]*flight
}

// flight is one dial; link and err are set before done is closed.
type flight struct {
	done chan struct{}
	link *link
	err  error
}

func newDials() *dials { return &dials{flights: make(map[certs.ID]*flight)} }

// join returns the flight to peer and whether the caller has to fly it.
func (d *dials) join(peer certs.ID) (f *flight, first bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f, ok := d.flights[peer]; ok {
		return f, false
	}
	f = &flight{done: make(chan struct{})}
	d.flights[peer] = f
	return f, true
}

// land ends f, unless the peer has come to meet it.
func (d *dials) land(peer certs.ID, f *flight, l *link, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.flights[peer] != f {
		return
	}
	delete(d.flights, peer)
	f.link, f.err = l, err
	close(f.done)
}

// meet ends the flight to the peer of l, which connected by itself: one that
// was tried before it was there may go on for long, and in vain.
func (d *dials) meet(l *link) {
	d.mu.Lock()
	f := d.flights[l.peer]
	d.mu.Unlock()
	if f != nil {
		d.land(l.peer, f, l, nil)
	}
}

// errRedial ends a flight in favour of one to addresses that were just learned.
var errRedial = errors.New("dialled anew")

// Redial has a dial to peer that is under way begin again, because Addresses
// changed. Who waits for it waits for the new one.
func (e *Endpoint) Redial(peer certs.ID) {
	e.dials.mu.Lock()
	f := e.dials.flights[peer]
	e.dials.mu.Unlock()
	if f != nil {
		e.dials.land(peer, f, nil, errRedial)
	}
}

// link returns the mesh connection to peer, dialling if there is none; fresh
// says that it was dialled. Who joined a dial under way that nobody answered
// sees one more, which is shared as well. The error is *UnreachableError, *RemovedError,
// *ProtocolError, certs.ErrNotMember or ErrClosed, or the end of ctx.
func (e *Endpoint) link(ctx context.Context, peer certs.ID) (l *link, fresh bool, err error) {
	if !e.c.Member(peer) {
		return nil, false, certs.ErrNotMember
	}
	if l := e.conns.best(peer); l != nil {
		return l, false, nil
	}
	for again := true; ; {
		f, joined := e.board(ctx, peer)
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, false, context.Cause(ctx)
		}
		switch {
		case errors.Is(f.err, errRedial):
		case again && joined && unanswered(f.err):
			again = false // it may have begun, and tried in vain, before the peer was there
		default:
			return f.link, true, f.err
		}
	}
}

// board returns the flight to peer, which begins now unless joined.
func (e *Endpoint) board(ctx context.Context, peer certs.ID) (f *flight, joined bool) {
	f, first := e.dials.join(peer)
	if first && !e.tasks.start(func() { e.fly(context.WithoutCancel(ctx), peer, f) }) {
		e.dials.land(peer, f, nil, ErrClosed)
	}
	return f, !first
}

// fly dials peer for whoever waits on f. It outlives the caller that began it.
func (e *Endpoint) fly(ctx context.Context, peer certs.ID, f *flight) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e.tasks.start(func() {
		select {
		case <-e.stopped:
			cancel(ErrClosed)
		case <-ctx.Done(): // not f.done: the peer may end f before the dial ends
		}
	})
	l, err := e.dialMesh(ctx, peer)
	if err == nil && !e.tasks.start(func() { e.serve(context.WithoutCancel(ctx), l) }) {
		e.conns.remove(l)
		l, err = nil, ErrClosed
	}
	e.hearRefusal(err)
	e.dials.land(peer, f, l, err)
}

// hearRefusal tells who listens if err is a peer's word that we are no member.
func (e *Endpoint) hearRefusal(err error) {
	if gone, ok := errors.AsType[*RemovedError](err); ok && e.c.Refused != nil {
		e.c.Refused(gone.Peer, gone.Why)
	}
}

// dialMesh tries the addresses of peer and enters the connection that greets
// first.
func (e *Endpoint) dialMesh(ctx context.Context, peer certs.ID) (*link, error) {
	l, err := e.dialEither(ctx, peer)
	if err != nil {
		return nil, err
	}
	if err := e.admit(l); err != nil {
		return nil, err
	}
	e.connected(l)
	return l, nil
}

// dialUDP tries the addresses of peer over UDP.
func (e *Endpoint) dialUDP(ctx context.Context, peer certs.ID) (*link, error) {
	return race(ctx, peer, e.c.Addresses(peer), func(ctx context.Context, addr netip.AddrPort) (*link, error) {
		return e.dialLink(ctx, e.transport, peer, net.UDPAddrFromAddrPort(addr))
	}, func(l *link) { l.close(CodeSuperseded, "another address was faster") })
}

// dialLink connects and greets: only the peer's answer proves that it takes
// us for a member, as the client of TLS 1.3 finishes first.
func (e *Endpoint) dialLink(ctx context.Context, over *quic.Transport, peer certs.ID, addr net.Addr) (*link, error) {
	conn, err := over.Dial(ctx, addr, e.c.Identity.Client(peer, e.c.Member), meshConfig(e.holds(peer)))
	if err != nil {
		return nil, err
	}
	l := newLink(conn, peer, true) //nolint:contextcheck // a connection has a life of its own
	mine := e.greeting()
	h, err := exchange[hello](ctx, l, kindGreet, mine)
	if err == nil && !h.Protocol.meets(Protocol()) {
		err = &ProtocolError{Ours: Protocol(), Theirs: h.Protocol}
	}
	if err != nil {
		l.close(CodeCancelled, "no greeting")
		return nil, err
	}
	l.greet(mine, h)
	return l, nil
}

func (e *Endpoint) holds(peer certs.ID) bool { return e.c.Hold == nil || e.c.Hold(peer) }

func (e *Endpoint) hello(token bytes16) hello {
	return hello{
		Protocol: Protocol(), Name: e.c.Name(), Version: e.c.Version, Token: token,
		Instance: e.c.Instance, Boots: e.c.Boots,
	}
}

// greeting is the hello that also says which records we have.
func (e *Endpoint) greeting() hello {
	h := e.hello(bytes16{})
	h.Digest = e.c.Records.Digest()
	return h
}

// greet makes l a mesh connection. Equal digests need no exchange of records.
func (l *link) greet(mine, theirs hello) {
	if mine.Digest == theirs.Digest {
		l.settled.open()
	}
	l.greeted.Store(&theirs)
}

// dialData makes one more connection to where l goes, for lanes: through a
// NAT that is the one address known to work. plain: without path MTU discovery.
// There is none beside a tunnel.
func (e *Endpoint) dialData(ctx context.Context, l *link, plain bool) (*link, error) {
	if l.tunnelled() {
		return nil, errNoUDP
	}
	if e.conns.crowded(l.peer) {
		return nil, errors.New("too many connections")
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	conn, err := e.transport.Dial(ctx, l.conn.RemoteAddr(), e.c.Identity.Client(l.peer, e.c.Member), dataConfig(plain))
	if err != nil {
		return nil, err
	}
	data := newLink(conn, l.peer, true) //nolint:contextcheck // a connection has a life of its own
	if err := e.admit(data); err != nil {
		return nil, err
	}
	data.whenClosed(func() { e.conns.remove(data) })
	return data, nil
}
