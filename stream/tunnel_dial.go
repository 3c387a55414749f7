package stream

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"btrmesh/certs"
)

// UDP comes first: a tunnel is tried where it is silent, and only as long as a
// dial over UDP takes, so that a dead peer is not waited for longer.
const (
	tunnelAfter = 2 * time.Second
	tunnelTime  = handshakeTime - tunnelAfter
)

// errNoUDP means that the peer is reached through a tunnel.
var errNoUDP = errors.New("no answer over udp")

// found is how one of two dials to a peer has ended.
type found struct {
	link   *link
	err    error
	tunnel bool
}

// dialEither dials over UDP, and beside it through a tunnel once UDP has failed or
// been silent for tunnelAfter. If both succeed it is UDP; if both fail, the error
// is that of UDP unless the peer has spoken in the tunnel.
func (e *Endpoint) dialEither(ctx context.Context, peer certs.ID) (*link, error) {
	if e.c.TCP == nil {
		return e.dialUDP(ctx, peer)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over, silent := make(chan found), make(chan struct{})
	go func() {
		l, err := e.dialUDP(ctx, peer)
		if unanswered(err) {
			close(silent)
		}
		over <- found{link: l, err: err}
	}()
	go func() {
		l, err := e.dialTunnelIf(ctx, silent, peer)
		over <- found{link: l, err: err, tunnel: true}
	}()
	first := <-over
	if first.link != nil || !unanswered(first.err) && !first.tunnel {
		cancel()
	}
	return better(first, <-over)
}

// better chooses between the two, and closes the one that is not chosen.
func better(a, b found) (*link, error) {
	if a.tunnel {
		a, b = b, a
	}
	switch {
	case a.link != nil && b.link != nil:
		b.link.close(CodeSuperseded, "udp answers")
		return a.link, nil
	case a.link != nil:
		return a.link, nil
	case b.link != nil:
		return b.link, nil
	case unanswered(a.err) && isAnswer(b.err):
		return nil, b.err
	default:
		return nil, a.err
	}
}

// dialTunnelIf dials once UDP is silent, unless ctx ends before.
func (e *Endpoint) dialTunnelIf(ctx context.Context, silent <-chan struct{}, peer certs.ID) (*link, error) {
	select {
	case <-silent:
	case <-time.After(tunnelAfter):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	return e.dialTunnel(ctx, peer)
}

// dialTunnel tries the addresses of peer over TCP.
func (e *Endpoint) dialTunnel(ctx context.Context, peer certs.ID) (*link, error) {
	if e.cables.crowded(peer) {
		return nil, errors.New("too many connections")
	}
	ctx, cancel := context.WithTimeout(ctx, tunnelTime)
	defer cancel()
	return race(ctx, peer, e.c.Addresses(peer), func(ctx context.Context, addr netip.AddrPort) (*link, error) {
		return e.tryTunnel(ctx, peer, addr)
	}, func(l *link) { l.close(CodeSuperseded, "another address was faster") })
}

func (e *Endpoint) tryTunnel(ctx context.Context, peer certs.ID, addr netip.AddrPort) (*link, error) {
	c, err := e.tryCable(ctx, peer, addr, tunnelHeader())
	if err == nil {
		err = e.admitCable(c)
	}
	if err != nil {
		return nil, err
	}
	t := newTunnel(c)
	l, err := e.dialLink(ctx, t.transport, peer, c.RemoteAddr())
	if err != nil {
		e.closeTunnel(t)
		return nil, err
	}
	if !e.tasks.start(func() {
		<-l.done()
		e.closeTunnel(t)
	}) {
		l.close(CodeGoodbye, "goodbye")
		e.closeTunnel(t)
		return nil, ErrClosed
	}
	return l, nil
}

func (e *Endpoint) closeTunnel(t *tunnel) {
	t.end()
	e.cables.remove(t.cable)
}

// serveTunnel serves the connection that comes through c.
func (e *Endpoint) serveTunnel(ctx context.Context, c *cable) error {
	if err := c.answer(CodeNone); err != nil {
		return err
	}
	t := newTunnel(c)
	defer t.end()
	listener, err := t.listen(e.c.Identity, e.admissible)
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	conn, err := listener.Accept(waiting)
	if err != nil {
		return err
	}
	e.welcome(context.WithoutCancel(ctx), conn)
	<-conn.Context().Done() // it may have been refused, and has its last word
	return nil
}
