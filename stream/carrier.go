package stream

import (
	"context"
	"io"
	"time"
)

// LaneKind says what a lane runs on. Zero is none.
type LaneKind uint8

// The kinds of lane.
const (
	LaneQUIC LaneKind = 1 // a stream of a QUIC connection
	LaneTCP  LaneKind = 2 // a TLS connection over TCP
)

// String returns quic, tcp or none.
func (k LaneKind) String() string {
	switch k {
	case LaneQUIC:
		return "quic"
	case LaneTCP:
		return "tcp"
	default:
		return "none"
	}
}

// carrier is the source's end of one open lane, whatever that runs on. One
// goroutine writes and finishes; the rest may be called from any.
type carrier interface {
	io.Writer            // blocks; an error means that the lane is dead
	finish() error       // no more will come; does not wait for delivery
	cut()                // gives up at once what was not delivered, unblocks Write; needed in the end
	stats() carrierStats // cumulative
	kind() LaneKind
}

// carrierStats is what the transport of a lane has seen since the lane was
// opened. Those of a lane that shares a connection count all of it.
type carrierStats struct {
	wireBytes  int64         // sent, with all overhead and repeats
	packets    int64         // sent, with repeats
	lost       int64         // of packets
	rtt        time.Duration // smoothed; 0: not measured yet
	congestion string        // the algorithm: reno, bbr, …
}

// laneReader is the target's end of one lane.
type laneReader interface {
	io.Reader // io.EOF when the source has finished it
	cut()     // gives it up, unblocks Read; may be called from any goroutine
	kind() LaneKind
}

// dialLane opens a lane of one kind to the peer of l: its header is written, and
// the peer is proven to be a member. plain forgoes path MTU discovery, for
// paths that swallow large packets. A QUIC lane for which no connection of its
// own can be had shares l.
func (e *Endpoint) dialLane(
	ctx context.Context, l *link, token bytes16, serial uint32, kind LaneKind, plain bool,
) (carrier, error) {
	if kind == LaneTCP {
		t, err := e.openTCPLane(ctx, l, token, serial)
		if err != nil {
			return nil, err
		}
		return t, nil
	}
	data, err := e.dialData(ctx, l, plain)
	if err != nil {
		e.c.Log.Debug("lane shares the mesh connection", "peer", l.peer, "err", err)
		return shareLane(ctx, l, token, serial)
	}
	c, err := openQUICLane(ctx, data, token, serial)
	if err != nil {
		data.close(CodeNone, "no lane")
		return nil, err
	}
	c.own = true
	return c, nil
}

// shareLane opens a QUIC lane on the mesh connection l: dialling for a small
// run costs more than it brings.
func shareLane(ctx context.Context, l *link, token bytes16, serial uint32) (carrier, error) {
	c, err := openQUICLane(ctx, l, token, serial)
	if err != nil {
		return nil, err
	}
	return c, nil
}
