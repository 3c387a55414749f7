package stream

import (
	"sync"
	"time"

	"btrmesh/certs"
)

// experience is what was learned of the lanes to a peer. The zero value is
// nothing.
type experience struct {
	kind  LaneKind  // the better one
	until time.Time // the other one is not tried before
	why   string    // for people
}

// prefers returns the kind to begin with.
func (e experience) prefers(now time.Time) LaneKind {
	if e.kind != 0 && now.Before(e.until) {
		return e.kind
	}
	return LaneQUIC
}

// whyNot is why the other kind is not tried now, or empty.
func (e experience) whyNot(now time.Time) string {
	if now.Before(e.until) {
		return e.why
	}
	return ""
}

// lore is the experience with every peer, in memory. Safe for concurrent use.
type lore struct {
	mu    sync.Mutex
	peers map[certs.ID]experience
}

func newLore() *lore { return &lore{peers: make(map[certs.ID]experience)} }

func (l *lore) of(peer certs.ID) experience {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peers[peer]
}

func (l *lore) note(peer certs.ID, e experience) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.peers[peer] = e
}

// pilot makes the controller of a session with the peer of l.
func (e *Endpoint) pilot(l *link) *steer {
	rtt := l.conn.ConnectionStats().SmoothedRTT
	if l.tunnelled() {
		return steerBlocked(e.lanePolicy(l.peer), rtt)
	}
	s := steerFrom(e.lanePolicy(l.peer), rtt, e.lore.of(l.peer), time.Now())
	s.alone = e.c.TCP == nil
	s.learn = func(x experience) { e.lore.note(l.peer, x) }
	return s
}

// LanesTo says what lanes the next run to peer begins with, and why, for people;
// why is empty before anything was learned.
func (e *Endpoint) LanesTo(peer certs.ID) (kind LaneKind, why string) {
	s := steerFrom(e.lanePolicy(peer), 0, e.lore.of(peer), time.Now())
	if l := e.conns.best(peer); l != nil && l.tunnelled() {
		s = steerBlocked(e.lanePolicy(peer), 0)
	}
	return s.kind, s.reason
}
