package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"btrmesh/certs"
)

// A packet is a datagram (RFC 9221) on a mesh connection, all of it the
// caller's. One that does not fit goes on a unidirectional stream:
//
//	u8 protocol version, u8 kind = packet, then the packet until the end
const maxPacket = 64 << 10 // bytes

const (
	packetQueue = 16               // packets on their way to one peer
	packetIdle  = 30 * time.Second // then a peer's queue ends
	packetTime  = 5 * time.Second  // to send one on a stream
	redialAfter = time.Second      // on average, after a dial for packets failed
)

// PacketStats counts packets since the start.
type PacketStats struct {
	Sent     uint64 // handed to a connection; delivery is not known
	Dropped  uint64 // too large, queue full, or peer not reached
	Received uint64 // handed to the Handler
}

// outbox holds the packets on their way, by peer. Safe for concurrent use.
type outbox struct {
	mu                      sync.Mutex
	boxes                   map[certs.ID]*mailbox
	start                   func(*mailbox) bool // begins to empty a mailbox; nil while nothing is served
	sent, dropped, received atomic.Uint64
}

// mailbox is what waits for one peer.
type mailbox struct {
	peer  certs.ID
	queue chan []byte
	rest  time.Time // no dial before; its goroutine's alone
}

func newOutbox() *outbox { return &outbox{boxes: make(map[certs.ID]*mailbox)} }

// serve lets packets in, for start to empty their mailboxes.
func (o *outbox) serve(start func(*mailbox) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.start = start
}

// post enters b unless its mailbox is full or cannot be emptied.
func (o *outbox) post(to certs.ID, b []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	box, ok := o.boxes[to]
	if !ok {
		box = &mailbox{peer: to, queue: make(chan []byte, packetQueue)}
		if o.start == nil || !o.start(box) {
			return false
		}
		o.boxes[to] = box
	}
	select {
	case box.queue <- b:
		return true
	default:
		return false
	}
}

// retire forgets box if nothing waits in it.
func (o *outbox) retire(box *mailbox) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(box.queue) > 0 {
		return false
	}
	delete(o.boxes, box.peer)
	return true
}

// SendPacket sends b to a member, unreliably and out of order. It dials if
// there is no connection. It never blocks, keeps nothing of b and does not
// tell what became of it: a packet is dropped if it is larger than 64 KiB, if
// 16 others wait for the same peer, if the peer is not reached, or before Run.
func (e *Endpoint) SendPacket(to certs.ID, b []byte) {
	if len(b) > maxPacket || !e.outbox.post(to, bytes.Clone(b)) {
		e.outbox.dropped.Add(1)
	}
}

// PacketStats returns what became of all packets so far.
func (e *Endpoint) PacketStats() PacketStats {
	o := e.outbox
	return PacketStats{Sent: o.sent.Load(), Dropped: o.dropped.Load(), Received: o.received.Load()}
}

// emptyMailbox sends what is posted to one peer, until nothing has been for a
// while. A peer that is slow or gone so delays its own packets only.
func (e *Endpoint) emptyMailbox(ctx context.Context, box *mailbox) {
	idle := time.NewTimer(packetIdle)
	defer idle.Stop()
	for {
		select {
		case b := <-box.queue:
			e.sendPacket(ctx, box, b)
		case <-idle.C:
			if e.outbox.retire(box) {
				return
			}
		case <-e.stopped:
			return
		}
		idle.Reset(packetIdle)
	}
}

func (e *Endpoint) sendPacket(ctx context.Context, box *mailbox, b []byte) {
	l, err := e.packetLink(ctx, box)
	if err == nil {
		err = l.sendPacket(b)
	}
	if err != nil {
		e.outbox.dropped.Add(1)
		return
	}
	e.outbox.sent.Add(1)
}

// packetLink returns the connection to the mailbox's peer. It does not dial
// again soon after a failure, so that probing a dead peer costs next to nothing.
func (e *Endpoint) packetLink(ctx context.Context, box *mailbox) (*link, error) {
	if e.conns.best(box.peer) == nil && time.Now().Before(box.rest) {
		return nil, ErrLost
	}
	l, _, err := e.link(ctx, box.peer)
	if err != nil {
		box.rest = time.Now().Add(redialAfter/2 + rand.N(redialAfter))
	}
	return l, err
}

func (l *link) sendPacket(b []byte) error {
	err := l.conn.SendDatagram(b)
	if _, large := errors.AsType[*quic.DatagramTooLargeError](err); large {
		return l.sendLargePacket(b)
	}
	return err
}

func (l *link) sendLargePacket(b []byte) error {
	s, err := l.conn.OpenUniStream()
	if err != nil {
		return err
	}
	_ = s.SetWriteDeadline(time.Now().Add(packetTime)) // cannot fail
	if _, err := s.Write(append([]byte{protocolVersion, byte(kindPacket)}, b...)); err != nil {
		s.CancelWrite(quic.StreamErrorCode(CodeCancelled))
		return err
	}
	return s.Close()
}

// acceptPackets takes the datagrams of l until it closes.
func (e *Endpoint) acceptPackets(ctx context.Context, l *link) {
	for {
		b, err := l.conn.ReceiveDatagram(ctx)
		if err != nil || e.takePacket(l, b) != nil {
			return
		}
	}
}

// takePacket hands on a packet of a member; one that comes before the greeting
// is lost like any other. An error means that l is closed.
func (e *Endpoint) takePacket(l *link, b []byte) error {
	if l.greeted.Load() == nil {
		return nil
	}
	if err := e.stillMember(l); err != nil {
		return err
	}
	e.outbox.received.Add(1)
	e.c.Handler.Packet(l.peer, addrPort(l.conn.RemoteAddr()), b)
	return nil
}

// serveLargePacket reads a packet that came on a stream.
func (e *Endpoint) serveLargePacket(l *link, s io.Reader) error {
	b, err := io.ReadAll(io.LimitReader(s, maxPacket+1))
	if err != nil {
		return err
	}
	if len(b) > maxPacket {
		return fmt.Errorf("packet of more than %d bytes: %w", maxPacket, ErrBadStream)
	}
	return e.takePacket(l, b)
}
