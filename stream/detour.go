package stream

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// When a mesh connection that we dialled goes another way. Runs that are under way
// end on the connection they began on: see drain.
const (
	lookEvery   = time.Second
	silentFor   = 4 * time.Second // without an answer: a tunnel is tried
	detourPause = 5 * time.Second // before it is tried again
	backSoonest = 10 * time.Second
	backRarest  = time.Minute // UDP is tried from a tunnel; doubles up to that
)

// passage is what is seen of a connection at one time.
type passage struct {
	tunnelled      bool
	sent, received uint64 // bytes
}

// trail is what was seen of a connection before. The zero value is nothing.
type trail struct {
	last   passage
	sent   int           // looks that saw something sent, since something came
	asked  time.Time     // the second of them; zero: there was none
	next   time.Time     // nothing is tried before
	pause  time.Duration // between dials over UDP
	trying atomic.Bool
}

// turn is what to do about a connection.
type turn uint8

const (
	turnNone   turn = 0
	turnTunnel turn = 1 // UDP is silent
	turnUDP    turn = 2 // see whether UDP answers again
)

// look takes in p. jitter is 0 to 1. What is sent once may be an acknowledgement,
// which has no answer.
func (t *trail) look(now time.Time, p passage, jitter float64) turn {
	heard, spoke := p.received != t.last.received, p.sent != t.last.sent
	t.last = p
	switch {
	case heard:
		t.sent, t.asked = 0, time.Time{}
	case spoke:
		if t.sent++; t.sent == 2 {
			t.asked = now
		}
	}
	switch {
	case p.tunnelled && t.pause == 0:
		t.rest(now, backSoonest, jitter)
	case now.Before(t.next):
	case p.tunnelled:
		t.rest(now, min(2*t.pause, backRarest), jitter)
		return turnUDP
	case !t.asked.IsZero() && now.Sub(t.asked) >= silentFor:
		t.next = now.Add(detourPause)
		return turnTunnel
	}
	return turnNone
}

// rest lets pause, a quarter more or less, pass before UDP is tried.
func (t *trail) rest(now time.Time, pause time.Duration, jitter float64) {
	t.pause = pause
	t.next = now.Add(pause*3/4 + time.Duration(jitter*float64(pause)/2))
}

// watchPaths looks after the mesh connections that we dialled, until ctx ends.
func (e *Endpoint) watchPaths(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	seen := make(map[*link]*trail)
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.stopped:
			return
		case now := <-tick.C:
			seen = e.lookAtPaths(ctx, now, seen)
		}
	}
}

// lookAtPaths returns the trails of the connections there are.
func (e *Endpoint) lookAtPaths(ctx context.Context, now time.Time, seen map[*link]*trail) map[*link]*trail {
	left := make(map[*link]*trail, len(seen))
	for _, l := range e.conns.all() {
		if !l.dialled || e.conns.best(l.peer) != l {
			continue
		}
		t, ok := seen[l]
		if !ok {
			t = new(trail)
		}
		left[l] = t
		stats := l.conn.ConnectionStats()
		p := passage{tunnelled: l.tunnelled(), sent: stats.BytesSent, received: stats.BytesReceived}
		if next := t.look(now, p, rand.Float64()); next != turnNone && !t.trying.Swap(true) {
			e.tasks.start(func() {
				defer t.trying.Store(false)
				e.take(ctx, l, next)
			})
		}
	}
	return left
}

// take dials the other way to the peer of l, and goes over to it if that succeeds.
func (e *Endpoint) take(ctx context.Context, l *link, next turn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer l.whenClosed(cancel)() // others dial then
	before := l.conn.ConnectionStats().BytesReceived
	dial := e.dialUDP
	if next == turnTunnel {
		dial = e.dialTunnel
	}
	other, err := dial(ctx, l.peer)
	if err != nil {
		e.c.Log.Debug("no other way", "peer", l.peer, "tunnel", next == turnTunnel, "err", err)
		return
	}
	if next == turnTunnel && l.conn.ConnectionStats().BytesReceived != before {
		other.close(CodeSuperseded, "udp answers again")
		return
	}
	if e.admit(other) != nil {
		return
	}
	e.connected(other)
	if !e.tasks.start(func() { e.serve(context.WithoutCancel(ctx), other) }) {
		e.conns.remove(other)
	}
}
