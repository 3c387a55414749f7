package stream

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"btrmesh/certs"
)

// gossipConn is a stream of kind gossip as a net.Conn: after the two bytes
// every stream begins with, all of it is the caller's.
type gossipConn struct {
	*quic.Stream
	link   *link
	closed sync.Once
	free   func() // of the link
}

func newGossipConn(l *link, s *quic.Stream) *gossipConn {
	return &gossipConn{Stream: s, link: l, free: l.hold()}
}

// LocalAddr returns the local address of the connection.
func (c *gossipConn) LocalAddr() net.Addr { return c.link.conn.LocalAddr() }

// RemoteAddr returns the peer's address on the connection.
func (c *gossipConn) RemoteAddr() net.Addr { return c.link.conn.RemoteAddr() }

// Close ends both directions. What was written will be delivered. Without the
// end of reading the peer's stream would count as open for ever.
func (c *gossipConn) Close() error {
	c.CancelRead(quic.StreamErrorCode(CodeNone))
	err := c.Stream.Close()
	c.closed.Do(c.free)
	return err
}

// OpenGossip opens a stream to the gossip of a member, dialling if there is no
// connection. The peer's Handler gets the other end. The caller closes it; ctx
// governs this call only. The errors are those of Query, but *Refusal.
func (e *Endpoint) OpenGossip(ctx context.Context, to certs.ID) (net.Conn, error) {
	var conn *gossipConn
	err := e.onLink(ctx, to, func(l *link) error {
		s, err := l.conn.OpenStreamSync(ctx)
		if err != nil {
			return fault(ctx, to, err)
		}
		conn = newGossipConn(l, s)
		if _, err := s.Write([]byte{protocolVersion, byte(kindGossip)}); err != nil {
			_ = conn.Close() // broken already
			return fault(ctx, to, err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("gossip with %s: %w", to.Short(), err)
	}
	return conn, nil
}

// serveGossip hands the stream to the Handler.
func (e *Endpoint) serveGossip(ctx context.Context, l *link, s *quic.Stream) error {
	_ = s.SetReadDeadline(time.Time{}) // cannot fail
	conn := newGossipConn(l, s)
	e.c.Handler.Gossip(ctx, l.peer, conn)
	return conn.Close()
}
