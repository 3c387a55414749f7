package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"btrmesh/certs"
)

// A tunnel carries the packets of one mesh connection inside a cable, for
// networks that let no UDP through. After the cable's header and its answer each
// side sends, until the connection ends:
//
//	u16 length, 1 to 1452, big endian
//	    that many bytes: one packet of QUIC
//
// It loses packets like a network: those for which the queue has no room.
const (
	maxTunnelled = 1452 // bytes of a packet, as quic-go reads; mesh connections keep to 1200
	tunnelQueue  = 32   // packets that wait until TCP takes them
)

func tunnelHeader() []byte { return []byte{protocolVersion, byte(kindTunnel)} }

// tunnel is the net.PacketConn below a quic.Transport of its own. One goroutine
// reads; everything else may be called from any.
type tunnel struct {
	cable     *cable
	transport *quic.Transport
	queue     chan []byte   // whole frames
	over      chan struct{} // closed when nothing more will be queued
	unread    chan struct{} // closed when nobody reads any more
	stop      sync.Once     // closes unread
	written   sync.WaitGroup
}

// newTunnel lays a tunnel through c, which ends with it from now on.
func newTunnel(c *cable) *tunnel {
	c.tunnel.Store(true)
	hasten(c.raw)
	t := &tunnel{cable: c, queue: make(chan []byte, tunnelQueue), over: make(chan struct{}), unread: make(chan struct{})}
	t.transport = &quic.Transport{Conn: t, ConnContext: onlyOnce()}
	t.written.Go(t.write)
	return t
}

// onlyOnce lets one connection in: more would be free of the limits of others.
func onlyOnce() func(context.Context, *quic.ClientInfo) (context.Context, error) {
	var taken atomic.Bool
	return func(ctx context.Context, _ *quic.ClientInfo) (context.Context, error) {
		if taken.Swap(true) {
			return nil, errors.New("a tunnel carries one connection")
		}
		return ctx, nil
	}
}

// listen lets the one at the other end, and nobody else, connect through t.
func (t *tunnel) listen(who *certs.Identity, admissible func(certs.ID) bool) (*quic.Listener, error) {
	member := func(id certs.ID) bool { return id == t.cable.peer && admissible(id) }
	return t.transport.Listen(who.Server(certs.Policy{Member: member}), acceptConfig())
}

// end closes t and the connection in it, whose last word may still leave.
func (t *tunnel) end() {
	_ = t.transport.Close()                                     // always nil
	_ = t.cable.raw.SetWriteDeadline(time.Now().Add(lastWords)) // fails only on a closed one
	close(t.over)
	t.written.Wait()
	t.cable.part()
	t.cable.cut(CodeNone, "over")
}

// write sends what is queued, until the tunnel is over and nothing is left.
func (t *tunnel) write() {
	for {
		select {
		case frame := <-t.queue:
			if _, err := t.cable.Write(frame); err != nil {
				return // the reader hears of it, or the connection dies of the silence
			}
		case <-t.over:
			t.writeRest()
			return
		}
	}
}

func (t *tunnel) writeRest() {
	for {
		select {
		case frame := <-t.queue:
			if _, err := t.cable.Write(frame); err != nil {
				return
			}
		default:
			return
		}
	}
}

// WriteTo queues a packet, or drops it. It never blocks and never fails.
func (t *tunnel) WriteTo(p []byte, _ net.Addr) (int, error) {
	if len(p) == 0 || len(p) > maxTunnelled {
		return len(p), nil
	}
	frame := append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(p)), uint16(len(p))), p...)
	select {
	case t.queue <- frame:
	default:
	}
	return len(p), nil
}

// ReadFrom reads one packet. After any error the tunnel is of no use.
func (t *tunnel) ReadFrom(p []byte) (int, net.Addr, error) {
	n, err := readPacket(t.cable, p)
	if errors.Is(err, io.EOF) {
		t.digest()
	}
	if err != nil {
		// %w of a text hides from quic-go that a time limit of TCP passed: it would go on.
		return 0, nil, fmt.Errorf("tunnel: %w", err)
	}
	return n, t.cable.RemoteAddr(), nil
}

// digest waits a moment until the connection has understood the packets that came
// before the end, and closed: the last one says why.
func (t *tunnel) digest() {
	select {
	case <-t.unread:
	case <-time.After(lastWords):
	}
}

// readPacket reads one frame into p. The error wraps ErrBadStream if its length is
// none that a packet has.
func readPacket(r io.Reader, p []byte) (int, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, err
	}
	n := int(binary.BigEndian.Uint16(head[:]))
	if n == 0 || n > maxTunnelled || n > len(p) {
		return 0, fmt.Errorf("packet of %d bytes: %w", n, ErrBadStream)
	}
	_, err := io.ReadFull(r, p[:n])
	return n, noEOF(err)
}

// LocalAddr is that of the TCP connection.
func (t *tunnel) LocalAddr() net.Addr { return t.cable.LocalAddr() }

// Close does nothing: see end.
func (t *tunnel) Close() error { return nil }

// SetReadDeadline ends reading: quic-go has no other use for it.
func (t *tunnel) SetReadDeadline(at time.Time) error {
	t.stop.Do(func() { close(t.unread) })
	return t.cable.raw.SetReadDeadline(at)
}

// SetWriteDeadline does nothing, as WriteTo does not block.
func (t *tunnel) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is SetReadDeadline.
func (t *tunnel) SetDeadline(at time.Time) error { return t.SetReadDeadline(at) }

// SetReadBuffer does nothing: without it quic-go would print a warning.
func (t *tunnel) SetReadBuffer(int) error { return nil }

// SetWriteBuffer is like SetReadBuffer.
func (t *tunnel) SetWriteBuffer(int) error { return nil }
