package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"btrmesh/certs"
)

// acceptPause is how long accepting rests after an error, which is one of
// resources: descriptors, memory.
const acceptPause = 100 * time.Millisecond

// acceptTCP serves TCP until the endpoint stops. Whoever comes too often, or
// with too many others, is turned away before anything of it is read.
func (e *Endpoint) acceptTCP(ctx context.Context) {
	door := newDoor()
	for {
		raw, err := e.c.TCP.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			e.c.Log.Warn("tcp connection not accepted", "err", err)
			if !pause(e.stopped, nil, acceptPause) {
				return
			}
			continue
		}
		from := hostOf(raw.RemoteAddr())
		leave, ok := door.enter(from, e.conns.knows(from), time.Now())
		if !ok || !e.tasks.start(func() { e.greetCable(ctx, raw, leave) }) {
			abandon(raw)
		}
	}
}

// greetCable finds out who dialled and lets it in, or not. leave is called when
// that is known.
func (e *Endpoint) greetCable(ctx context.Context, raw net.Conn, leave func()) {
	c, err := e.shake(ctx, raw)
	leave()
	if err == nil {
		err = e.serveCable(ctx, c)
	}
	if err != nil {
		e.c.Log.Debug("tcp connection refused", "addr", raw.RemoteAddr().String(), "err", err)
	}
	abandon(raw)
}

// shake completes the handshake, in a bounded time.
func (e *Endpoint) shake(ctx context.Context, raw net.Conn) (*cable, error) {
	if err := raw.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return nil, err
	}
	c := newCable(raw, certs.ID{}, false)
	c.Conn = tls.Server(c.bulk, e.c.Identity.LaneServer(e.c.Member))
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	var err error
	c.peer, err = certs.PeerID(c.ConnectionState())
	return c, err
}

// serveCable reads what c is for and serves it to its end.
func (e *Endpoint) serveCable(ctx context.Context, c *cable) error {
	if err := e.admitCable(c); err != nil {
		return err
	}
	defer e.cables.remove(c)
	if err := c.raw.SetDeadline(time.Now().Add(firstWords)); err != nil {
		return err
	}
	kind, err := readKind(c)
	switch {
	case err == nil && kind == kindLane:
		return e.serveCableLane(c)
	case err == nil && kind == kindSink:
		return e.serveCableSink(c)
	case err == nil && kind == kindTunnel:
		return e.serveTunnel(ctx, c)
	case err == nil:
		err = fmt.Errorf("tcp connection of kind %d: %w", kind, ErrBadStream)
	}
	if errors.Is(err, ErrBadStream) {
		err = errors.Join(err, c.answer(CodeProtocol))
	}
	return err
}

// serveCableLane feeds the chunks of c to the session it names.
func (e *Endpoint) serveCableLane(c *cable) error {
	token, serial, err := readLaneHeader(c)
	if err != nil {
		return err
	}
	in, lane, err := e.letIn(sessionKey{c.peer, token}, serial, tcpReader{c})
	if err != nil {
		return errors.Join(err, c.answer(CodeUnknown))
	}
	if err := c.answer(CodeNone); err != nil {
		in.intake.leave(lane)
		return err
	}
	in.feed(lane)
	return nil
}

// answer tells the dialler whether it is let in, and lifts the time limits of
// the beginning.
func (c *cable) answer(code uint64) error {
	if code != CodeNone {
		return c.sayLast([]byte{byte(code)})
	}
	_, err := c.Write([]byte{byte(code)})
	return errors.Join(err, c.raw.SetDeadline(time.Time{}))
}

// sayLast writes b and waits a moment until the dialler has taken note: it would
// not get b if the connection were closed while something of it is unread.
func (c *cable) sayLast(b []byte) error {
	if _, err := c.Write(b); err != nil {
		return err
	}
	c.part()
	return nil
}

// part waits a moment until the other side has read all and hung up, too.
func (c *cable) part() {
	_ = c.CloseWrite()                                   // what was said is all that counts
	_ = c.raw.SetReadDeadline(time.Now().Add(lastWords)) // fails only on a closed one
	_, _ = io.CopyN(io.Discard, c, bulkBuffer)           // until it has hung up
}

// tcpReader is the target's end of a TCP lane.
type tcpReader struct{ *cable }

func (r tcpReader) kind() LaneKind { return LaneTCP }
func (r tcpReader) cut()           { r.cable.cut(CodeFailed, "session over") }
