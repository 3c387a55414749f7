package stream

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"

	"btrmesh/certs"
)

// A cable is one TLS connection over TCP with a member, for a lane or a tunnel:
//
//	dialler   handshake, laneHeader, sinkHeader or tunnelHeader
//	accepter  u8 code of code.go: CodeNone, or why it will not have it
//	dialler   chunks, or what is to be thrown away
//	accepter  a frame, after a sink
//	both      packets, in a tunnel (tunnel.go)
//
// Nothing is read of who is no member, and nothing before the handshake is
// complete.
type cable struct {
	*tls.Conn
	bulk    *bulk    // below it
	raw     net.Conn // below that
	peer    certs.ID
	dialled bool // by us
	fate    atomic.Pointer[cutError]
	tunnel  atomic.Bool // ends with the connection in it, not before its last word
}

// Write sends p by few system calls.
func (c *cable) Write(p []byte) (int, error) {
	c.bulk.hold()
	n, err := c.Conn.Write(p)
	return n, cmp.Or(err, c.bulk.flush())
}

// cut breaks the connection at once: what was not delivered is lost, and no
// call on it blocks any longer. It is safe for use from any goroutine.
func (c *cable) cut(code uint64, why string) {
	c.fate.CompareAndSwap(nil, &cutError{code: code, why: why})
	abandon(c.raw)
}

// failed explains err, which a call on c has returned, by why c was cut.
func (c *cable) failed(err error) error {
	if fate := c.fate.Load(); err != nil && fate != nil {
		return fate
	}
	return err
}

// abandon closes conn without waiting for what is in the socket.
func abandon(conn net.Conn) {
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0) // fails only on a closed one
	}
	_ = conn.Close() // its error has no consequence
}

// cutError is why this side has cut a cable.
type cutError struct {
	code uint64
	why  string
}

// Error gives the reason.
func (e *cutError) Error() string { return fmt.Sprintf("cut with code %d: %s", e.code, e.why) }

// errNoTCP means that this appliance has no TCP port, and does not dial one.
var errNoTCP = errors.New("tcp is off here")

// dialCable connects to the peer of l over TCP, says what for, and waits for
// its word. The error is *UnreachableError with what was tried, *RemovedError,
// *certs.MismatchError, errNoSession or the end of ctx.
func (e *Endpoint) dialCable(ctx context.Context, l *link, header []byte) (*cable, error) {
	if e.c.TCP == nil {
		return nil, errNoTCP
	}
	if e.cables.crowded(l.peer) {
		return nil, errors.New("too many connections")
	}
	c, err := race(ctx, l.peer, e.ways(l), func(ctx context.Context, addr netip.AddrPort) (*cable, error) {
		return e.tryCable(ctx, l.peer, addr, header)
	}, func(c *cable) { c.cut(CodeSuperseded, "another address was faster") })
	if err != nil {
		return nil, err
	}
	if err := e.admitCable(c); err != nil {
		return nil, err
	}
	return c, nil
}

// ways are where to try TCP: the address of the mesh connection, whose port is
// the one the peer listens on unless there is a NAT between, and the known ones
// of the same host. That of a tunnel the peer has dialled is nowhere it listens.
func (e *Endpoint) ways(l *link) []string {
	if l.tunnelled() && !l.dialled {
		return e.c.Addresses(l.peer)
	}
	at := addrPort(l.conn.RemoteAddr())
	ways := []string{at.String()}
	for _, text := range e.c.Addresses(l.peer) {
		if a, err := netip.ParseAddrPort(text); err == nil && a.Addr().Unmap() == at.Addr() && a.Port() != at.Port() {
			ways = append(ways, text)
		}
	}
	return ways
}

func (e *Endpoint) tryCable(ctx context.Context, peer certs.ID, addr netip.AddrPort, header []byte) (*cable, error) {
	raw, err := e.dialTCP(ctx, addr.String())
	if err != nil {
		return nil, err
	}
	c := newCable(raw, peer, true)
	defer context.AfterFunc(ctx, func() { c.cut(CodeCancelled, "given up") })()
	c.Conn = tls.Client(c.bulk, e.c.Identity.LaneClient(peer, e.c.Member))
	err = c.HandshakeContext(ctx)
	if err == nil {
		err = c.introduce(header)
	}
	if err != nil {
		c.cut(CodeCancelled, "no answer")
		return nil, err
	}
	return c, nil
}

func (e *Endpoint) dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	if e.c.DialTCP != nil {
		return e.c.DialTCP(ctx, addr)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", addr)
}

func newCable(raw net.Conn, peer certs.ID, dialled bool) *cable {
	tune(raw)
	return &cable{bulk: newBulk(raw), raw: raw, peer: peer, dialled: dialled}
}

// introduce sends header and reads the answer: only that proves that the peer
// takes us for a member, as the client of TLS 1.3 finishes first.
func (c *cable) introduce(header []byte) error {
	if _, err := c.Write(header); err != nil {
		return err
	}
	var code [1]byte
	if _, err := io.ReadFull(c, code[:]); err != nil {
		return noEOF(err)
	}
	return answerOf(c.peer, uint64(code[0]))
}

// answerOf says what the first byte of the accepter means.
func answerOf(peer certs.ID, code uint64) error {
	switch code {
	case CodeNone:
		return nil
	case CodeRemoved:
		return &RemovedError{Peer: peer}
	case CodeUnknown:
		return errNoSession
	case CodeCrowded:
		return &Refusal{Code: Busy, Text: "too many connections of this appliance"}
	case CodeGoodbye:
		return ErrGoodbye
	default:
		return fmt.Errorf("refused with code %d", code)
	}
}

// admitCable enters c where Disconnect finds it, and asks for membership again.
func (e *Endpoint) admitCable(c *cable) error {
	if err := e.cables.add(c); err != nil {
		c.cut(CodeCrowded, err.Error())
		return err
	}
	if !e.c.Member(c.peer) {
		e.cables.remove(c)
		c.cut(CodeRemoved, "removed")
		return certs.ErrNotMember
	}
	return nil
}
