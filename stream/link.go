package stream

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"btrmesh/certs"
)

// link is one connection to a proven member. Once greeted it is a mesh
// connection; otherwise it carries lanes only.
type link struct {
	conn    *quic.Conn
	host    netip.Addr // where the peer was at first
	peer    certs.ID
	dialled bool // by us
	since   time.Time
	busy    atomic.Int64 // streams in use, opened by either side
	greeted atomic.Pointer[hello]
	syncing chan struct{} // full while we lead an exchange of records
	settled *gate         // opens when the records of both ends have been compared

	done       func() <-chan struct{}          // closed with the connection
	cause      func() error                    // why it has closed, nil while it has not
	whenClosed func(func()) (stop func() bool) // runs a function then
}

func newLink(conn *quic.Conn, peer certs.ID, dialled bool) *link {
	life := conn.Context
	return &link{
		conn: conn, host: hostOf(conn.RemoteAddr()), peer: peer, dialled: dialled, since: time.Now(),
		syncing: make(chan struct{}, 1), settled: newGate(),
		done:       func() <-chan struct{} { return life().Done() },
		cause:      func() error { return context.Cause(life()) },
		whenClosed: func(f func()) func() bool { return context.AfterFunc(life(), f) },
	}
}

func (l *link) live() bool { return l.cause() == nil }

func (l *link) close(code uint64, why string) {
	_ = l.conn.CloseWithError(quic.ApplicationErrorCode(code), clip(why, maxWhy)) // always nil
}

// tunnelled says whether the packets of l go through TCP.
func (l *link) tunnelled() bool {
	_, tcp := l.conn.RemoteAddr().(*net.TCPAddr)
	return tcp
}

// hold marks a stream of the link as in use until the returned function runs.
func (l *link) hold() (release func()) {
	l.busy.Add(1)
	return func() { l.busy.Add(-1) }
}

func (l *link) describe() Link {
	h, stats := l.greeted.Load(), l.conn.ConnectionStats()
	return Link{
		Peer: l.peer, Name: h.Name, Version: h.Version, Instance: h.Instance, Boots: h.Boots,
		Addr: l.conn.RemoteAddr().String(), TCP: l.tunnelled(),
		RTT: stats.SmoothedRTT, Since: l.since, Dialled: l.dialled,
		Settled: l.settled.isOpen(), Received: stats.BytesReceived,
	}
}

// crossing is how far apart two connections may be established that both
// sides dialled at the same time, each ignorant of the other's.
const crossing = 2 * handshakeTime

// claim is what the choice between two mesh connections to one peer rests on.
type claim struct {
	dialler certs.ID
	since   time.Time
}

func (l *link) claim(self certs.ID) claim {
	if l.dialled {
		return claim{dialler: self, since: l.since}
	}
	return claim{dialler: l.peer, since: l.since}
}

// beats says whether both ends choose a over b. The newer one wins, as its
// dialler had lost the older; but of two that crossed on the wire the one
// dialled by the smaller ID does, as both ends can tell alike.
func (a claim) beats(b claim) bool {
	if a.dialler != b.dialler && a.since.Sub(b.since).Abs() <= crossing {
		return a.dialler.Compare(b.dialler) < 0
	}
	return a.since.After(b.since)
}
