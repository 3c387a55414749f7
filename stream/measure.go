package stream

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"btrmesh/certs"
)

// Throughput is what one lane carried, as the target counted it.
type Throughput struct {
	Kind          LaneKind
	Bytes         int64
	Took          time.Duration // from the first byte to the last, at the target
	RTT           time.Duration // smoothed; 0: not known
	Packets, Lost int64         // sent, and of those lost
	Congestion    string        // the algorithm; empty: not known
}

// PerSecond returns bytes per second, 0 for nothing.
func (t Throughput) PerSecond() int64 {
	if t.Took <= 0 {
		return 0
	}
	return int64(float64(t.Bytes) / t.Took.Seconds())
}

// Loss is the part of the packets that was lost, 0..1.
func (t Throughput) Loss() float64 {
	if t.Packets == 0 {
		return 0
	}
	return float64(t.Lost) / float64(t.Packets)
}

// Measure sends random data to peer for d, at most 10 s, on one lane of the
// given kind beside whatever else runs, and keeps to rates. The peer throws it
// away; it serves one measurement of ours at a time and refuses others as Busy.
// The error wraps *UnreachableError if a TCP lane cannot be had, else see
// Query.
func (e *Endpoint) Measure(
	ctx context.Context, peer certs.ID, kind LaneKind, d time.Duration, rates ...*Rate,
) (Throughput, error) {
	var t Throughput
	err := e.onSettled(ctx, peer, func(l *link) error {
		defer l.hold()()
		var err error
		t, err = e.measure(ctx, l, kind, min(d, maxMeasure), rates)
		return err
	})
	if err != nil {
		return Throughput{}, fmt.Errorf("measure %s to %s: %w", kind, peer.Short(), err)
	}
	return t, nil
}

func (e *Endpoint) measure(ctx context.Context, l *link, kind LaneKind, d time.Duration, rates []*Rate) (Throughput, error) {
	c, answer, err := e.dialSink(ctx, l, kind)
	if err != nil {
		return Throughput{}, fault(ctx, l.peer, err)
	}
	defer c.cut()
	defer context.AfterFunc(ctx, c.cut)()
	wrong := pour(pace(ctx.Done(), c, rates), d)
	if wrong == nil {
		wrong = c.finish()
	}
	s, err := expect[sunk](answer) // also after an error: it may say why
	if err != nil && !isRefusal(err) && wrong != nil {
		err = wrong
	}
	if err != nil {
		return Throughput{}, fault(ctx, l.peer, err)
	}
	stats := c.stats()
	return Throughput{
		Kind: kind, Bytes: s.Bytes, Took: s.Took, RTT: stats.rtt,
		Packets: stats.packets, Lost: stats.lost, Congestion: stats.congestion,
	}, nil
}

// pour writes random data to w for d, by pieces that a low rate lets through in
// that time.
func pour(w *pacer, d time.Duration) error {
	data := make([]byte, sinkBuffer)
	_, _ = rand.Read(data) // never fails
	for begun := time.Now(); time.Since(begun) < d; {
		if _, err := w.Write(data[:w.piece(len(data))]); err != nil {
			return err
		}
	}
	return nil
}

// dialSink opens a sink at the peer of l, and returns where its answer comes.
func (e *Endpoint) dialSink(ctx context.Context, l *link, kind LaneKind) (carrier, io.Reader, error) {
	header := sinkHeader()
	if kind == LaneTCP {
		c, err := e.dialCable(ctx, l, header)
		if err != nil {
			return nil, nil, err
		}
		return e.newTCPLane(c), c, nil
	}
	data, err := e.dialData(ctx, l, false)
	if err != nil {
		return nil, nil, err
	}
	s, err := data.conn.OpenStreamSync(ctx)
	if err == nil {
		_, err = s.Write(header)
	}
	if err != nil {
		data.close(CodeNone, "no sink")
		return nil, nil, err
	}
	return &quicLane{sendStream: s, link: data, own: true}, s, nil
}
