package shaper

import (
	"math/rand/v2"
	"time"
)

// fate is what happened to a packet.
type fate int

const (
	passed   fate = 0
	lost     fate = 1 // at random
	overrun  fate = 2 // the queue was full
	tooLarge fate = 3
	cut      fate = 4 // the line is down
)

// path decides the fate of the packets of one direction. It has no clock and
// does nothing; the same packets at the same times meet the same fates.
type path struct {
	rng  *rand.Rand
	free time.Time // when all that was let in will have left at the rate
	bad  bool      // within a row of losses
}

// pass returns when a packet of size bytes that comes at now is delivered: once,
// twice, or, unless it passed, never.
func (p *path) pass(f Profile, now time.Time, size int) ([]time.Time, fate) {
	switch {
	case f.Down:
		return nil, cut
	case f.MaxSize > 0 && size > f.MaxSize:
		return nil, tooLarge
	case p.loses(f):
		return nil, lost
	}
	left, ok := p.leave(f, now, size)
	if !ok {
		return nil, overrun
	}
	at := left.Add(f.Delay)
	if p.happens(f.Reorder) {
		at = at.Add(f.lateness())
	}
	if p.happens(f.Duplicate) {
		return []time.Time{at, at}, passed
	}
	return []time.Time{at}, passed
}

// loses decides by the model of Gilbert: the shares of time in the good and the
// bad state make the loss, the stay in the bad one makes the row.
func (p *path) loses(f Profile) bool {
	switch {
	case f.Burst <= 1 || f.Loss == 1:
		p.bad = p.happens(f.Loss)
	case p.bad:
		p.bad = !p.happens(1 / f.Burst)
	default:
		p.bad = p.happens(f.Loss / (f.Burst * (1 - f.Loss)))
	}
	return p.bad
}

// happens draws only where chance decides, so that what is switched off does
// not change the rest.
func (p *path) happens(share float64) bool { return share > 0 && p.rng.Float64() < share }

// leave returns when the last bit of a packet has left the queue.
func (p *path) leave(f Profile, now time.Time, size int) (time.Time, bool) {
	if f.Rate == 0 {
		return now, true
	}
	if p.free.Before(now) {
		p.free = now
	}
	queue := f.Queue
	if queue == 0 {
		queue = defaultQueue
	}
	if p.free.Sub(now) > queue {
		return time.Time{}, false
	}
	p.free = p.free.Add(time.Duration(float64(size) * 8 / float64(f.Rate) * float64(time.Second)))
	return p.free, true
}
