package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/time/rate"

	"btrmesh/certs"
)

// How often strangers may try to redeem an invite.
const (
	joinsEvery = 1 // attempts/s
	joinsBurst = 5
)

// Endpoint is this appliance's end of every connection. All methods are safe
// for concurrent use.
type Endpoint struct {
	c         Config
	self      certs.ID
	transport *quic.Transport
	listener  *quic.Listener
	conns     *registry
	dials     *dials
	cables    *cables
	sessions  *sessions
	sinks     *sinks
	lore      *lore
	outbox    *outbox
	syncs     *syncs
	blocks    *blocks // of all sessions that come in
	joins     *rate.Limiter
	joining   atomic.Int64 // pairing connections at this moment
	tasks     tasks
	stopOnce  sync.Once
	stopped   chan struct{}
}

// Listen binds an Endpoint to its socket. It serves once Run is called, which
// must happen: Run releases what Listen takes. quic-go raises the socket's
// buffers to 7 MiB, by force where the process may; Listen warns if they are
// smaller. It switches receive offload on for a *net.UDPConn.
func Listen(c Config) (*Endpoint, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	e := &Endpoint{
		c: c, self: c.Identity.ID(), conns: newRegistry(c.Identity.ID()),
		cables: newCables(), dials: newDials(), sessions: newSessions(), sinks: newSinks(), lore: newLore(),
		outbox: newOutbox(), syncs: newSyncs(), blocks: new(blocks),
		joins: rate.NewLimiter(joinsEvery, joinsBurst), stopped: make(chan struct{}),
	}
	e.transport = newTransport(c, e.conns)
	var err error
	e.listener, err = e.transport.Listen(c.Identity.Server(certs.Policy{Member: e.admissible, Pairing: c.Pairing}), acceptConfig())
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", c.Conn.LocalAddr(), err)
	}
	checkBuffers(c.Conn, c.Log)
	return e, nil
}

func newTransport(c Config, conns *registry) *quic.Transport {
	reset, token := quic.StatelessResetKey(c.Identity.ResetKey()), quic.TokenGeneratorKey(c.Identity.TokenKey())
	s := newStrangers()
	return &quic.Transport{
		Conn: batching(c.Conn, c.Log), StatelessResetKey: &reset, TokenGeneratorKey: &token,
		VerifySourceAddress: func(a net.Addr) bool {
			from := hostOf(a)
			return s.validates(from, conns.knows(from), time.Now())
		},
		ConnContext: func(ctx context.Context, i *quic.ClientInfo) (context.Context, error) {
			from := hostOf(i.RemoteAddr)
			if s.refuses(from, conns.knows(from), time.Now()) {
				return nil, errors.New("too many handshakes")
			}
			return ctx, nil
		},
	}
}

// Run serves until ctx ends, then closes every connection with a goodbye and
// waits for all handlers and goroutines. It returns nil after ctx has ended,
// and an error if the socket fails. The socket is left open.
func (e *Endpoint) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, e.stop)()
	e.outbox.serve(func(box *mailbox) bool {
		return e.tasks.start(func() { e.emptyMailbox(ctx, box) })
	})
	if e.c.TCP != nil {
		e.tasks.start(func() { e.acceptTCP(ctx) })
		e.tasks.start(func() { e.watchPaths(ctx) })
	}
	err := e.accept(ctx)
	e.stop()
	e.tasks.wait()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("accept on %s: %w", e.c.Conn.LocalAddr(), err)
}

func (e *Endpoint) stop() {
	e.stopOnce.Do(func() {
		close(e.stopped)
		_ = e.listener.Close()
		if e.c.TCP != nil {
			_ = e.c.TCP.Close()
		}
		e.conns.closeAll(CodeGoodbye, "goodbye")
		e.cables.cutAll(CodeGoodbye, "goodbye")
		if err := e.transport.Close(); err != nil {
			e.c.Log.Warn("transport did not close", "err", err)
		}
	})
}

func (e *Endpoint) accept(ctx context.Context) error {
	for {
		conn, err := e.listener.Accept(ctx)
		if err != nil {
			return err
		}
		// Not ctx: handlers see the connection close first, with its cause.
		e.tasks.start(func() { e.welcome(context.WithoutCancel(ctx), conn) })
	}
}

// welcome finds out who dialled and what for. Nothing of the peer has been
// parsed before this but the handshake.
func (e *Endpoint) welcome(ctx context.Context, conn *quic.Conn) {
	state := conn.ConnectionState().TLS
	peer, err := certs.PeerID(state)
	if err != nil {
		_ = conn.CloseWithError(quic.ApplicationErrorCode(CodeProtocol), "no identity")
		return
	}
	l := newLink(conn, peer, false) //nolint:contextcheck // a connection has a life of its own
	if state.NegotiatedProtocol == certs.ALPNPair {
		e.servePairing(ctx, l)
		return
	}
	if err := e.admit(l); err != nil {
		e.c.Log.Info("connection refused", "peer", peer, "addr", conn.RemoteAddr().String(), "err", err)
		return
	}
	e.serve(ctx, l)
}

// admissible says whose handshake succeeds: a member's, and a removed one's, so
// that it can be told.
func (e *Endpoint) admissible(id certs.ID) bool {
	if e.c.Member(id) {
		return true
	}
	_, removed := e.removed(id)
	return removed
}

func (e *Endpoint) removed(id certs.ID) (why string, removed bool) {
	if e.c.Removed == nil {
		return "", false
	}
	return e.c.Removed(id)
}

// admit enters l into the registry and then asks for membership again, so that
// a Disconnect in between cannot miss it. On error l is closed.
func (e *Endpoint) admit(l *link) error {
	if err := e.stillMember(l); err != nil {
		return err
	}
	if err := e.conns.add(l); err != nil {
		code := CodeCrowded
		if errors.Is(err, ErrClosed) {
			code = CodeGoodbye
		}
		l.close(code, err.Error())
		return err
	}
	if err := e.stillMember(l); err != nil {
		e.conns.remove(l)
		return err
	}
	return nil
}

// stillMember closes l, saying why, if its peer is no member.
func (e *Endpoint) stillMember(l *link) error {
	if e.c.Member(l.peer) {
		return nil
	}
	why, _ := e.removed(l.peer)
	l.close(CodeRemoved, why)
	return certs.ErrNotMember
}

// Disconnect closes all connections of peer at once with an application error
// code of this package and a reason the peer sees, cut to 500 bytes. Every run
// with it fails. With CodeRemoved the peer's callers get *RemovedError.
func (e *Endpoint) Disconnect(peer certs.ID, code uint64, why string) {
	for _, l := range e.conns.of(peer) {
		l.close(code, why)
	}
	e.cables.cutPeer(peer, code, why)
}

// Links lists the live mesh connections, the one in use per peer, by peer.
func (e *Endpoint) Links() []Link {
	return e.list(func(l *link) bool { return e.conns.best(l.peer) == l })
}

// AllLinks lists every live mesh connection, those that another has superseded
// included, by peer.
func (e *Endpoint) AllLinks() []Link {
	return e.list(func(l *link) bool { return l.greeted.Load() != nil && l.live() })
}

func (e *Endpoint) list(which func(*link) bool) []Link {
	var out []Link
	for _, l := range e.conns.all() {
		if which(l) {
			out = append(out, l.describe())
		}
	}
	slices.SortFunc(out, func(a, b Link) int {
		return cmp.Or(a.Peer.Compare(b.Peer), a.Since.Compare(b.Since))
	})
	return out
}
