package stream

import (
	"context"
	"errors"
	"sync/atomic"
)

// tcpLane is a lane on a cable of its own.
type tcpLane struct {
	cable   *cable
	leave   func() // the registry
	how     string // congestion control
	written atomic.Int64
	last    atomic.Pointer[carrierStats] // seen while the socket was open
	over    atomic.Bool                  // no more will be written: the target may hang up
	ended   chan struct{}                // closed when the connection has ended before that
}

// openTCPLane dials a cable to the peer of l and makes it a lane.
func (e *Endpoint) openTCPLane(ctx context.Context, l *link, token bytes16, serial uint32) (*tcpLane, error) {
	c, err := e.dialCable(ctx, l, laneHeader(token, serial))
	if u, ok := errors.AsType[*UnreachableError](err); ok && len(u.Tried) > 0 {
		return nil, &NoTCPError{Peer: l.peer, Addr: u.Tried[0].Addr, Why: u.Tried[0].Why}
	}
	if err != nil {
		return nil, err
	}
	t := e.newTCPLane(c)
	e.tasks.start(t.listen) // else the end is at hand
	return t, nil
}

func (e *Endpoint) newTCPLane(c *cable) *tcpLane {
	return &tcpLane{cable: c, leave: func() { e.cables.remove(c) }, how: congestionOf(c.raw), ended: make(chan struct{})}
}

// listen waits for the end of the connection: the target says nothing on it. An
// idle lane would not notice.
func (t *tcpLane) listen() {
	_, _ = t.cable.Read(make([]byte, 1))
	if !t.over.Load() {
		close(t.ended)
	}
}

func (t *tcpLane) gone() <-chan struct{} { return t.ended }

func (t *tcpLane) kind() LaneKind { return LaneTCP }

func (t *tcpLane) Write(p []byte) (int, error) {
	n, err := t.cable.Write(p)
	t.written.Add(int64(n))
	return n, t.cable.failed(err)
}

func (t *tcpLane) finish() error {
	t.over.Store(true)
	return t.cable.failed(t.cable.CloseWrite())
}

func (t *tcpLane) cut() {
	t.stats() // the last chance to ask
	t.cable.cut(CodeNone, "session over")
	t.leave()
}

// stats are those of the kernel as long as it keeps them.
func (t *tcpLane) stats() carrierStats {
	if s, ok := tcpStats(t.cable.raw); ok {
		s.congestion = t.how
		t.last.Store(&s)
		return s
	}
	if last := t.last.Load(); last != nil {
		return *last
	}
	return carrierStats{wireBytes: t.written.Load(), congestion: t.how}
}

// noTCP says whether err means that a peer takes no TCP lanes, or we have none.
func noTCP(err error) bool {
	_, no := errors.AsType[*NoTCPError](err)
	return no || errors.Is(err, errNoTCP)
}
