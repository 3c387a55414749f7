package stream

import (
	"context"
	"io"

	"github.com/quic-go/quic-go"
)

// sendStream is what a source needs of a stream.
type sendStream interface {
	io.WriteCloser
	CancelWrite(code quic.StreamErrorCode)
}

// quicLane is a lane on a stream of its own.
type quicLane struct {
	sendStream
	link   *link
	own    bool // link serves this lane alone
	before quic.ConnectionStats
}

func openQUICLane(ctx context.Context, l *link, token bytes16, serial uint32) (*quicLane, error) {
	before := l.conn.ConnectionStats()
	s, err := l.conn.OpenUniStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	c := &quicLane{sendStream: s, link: l, before: before}
	if _, err := s.Write(laneHeader(token, serial)); err != nil {
		c.cut()
		return nil, err
	}
	return c, nil
}

func (c *quicLane) kind() LaneKind { return LaneQUIC }
func (c *quicLane) finish() error  { return c.Close() }

func (c *quicLane) gone() <-chan struct{} { return c.link.conn.Context().Done() }

func (c *quicLane) cut() {
	c.CancelWrite(quic.StreamErrorCode(CodeFailed)) // does nothing to one that was finished
	if c.own {
		c.link.close(CodeNone, "session over")
	}
}

// Overhead of a packet below QUIC.
const (
	udp4Head = 20 + 8 // IPv4 and UDP
	udp6Head = 40 + 8 // IPv6 and UDP
)

func (c *quicLane) stats() carrierStats {
	head, now := int64(udp4Head), c.link.conn.ConnectionStats()
	if c.link.host.Is6() {
		head = udp6Head
	}
	packets := int64(now.PacketsSent - c.before.PacketsSent)
	return carrierStats{
		wireBytes: int64(now.BytesSent-c.before.BytesSent) + packets*head,
		packets:   packets, lost: int64(now.PacketsLost - c.before.PacketsLost),
		rtt: now.SmoothedRTT, congestion: "reno",
	}
}

// quicReader is the target's end of a QUIC lane.
type quicReader struct{ *quic.ReceiveStream }

func (r quicReader) kind() LaneKind { return LaneQUIC }
func (r quicReader) cut()           { r.CancelRead(quic.StreamErrorCode(CodeFailed)) }
