package stream

import (
	"sync"
	"time"
)

// A Rate bounds the wire bytes of all that share it: payload, headers, repeats.
// Safe for concurrent use by any number of sessions; nil bounds nothing.
//
// What is sent is owed, and the debt shrinks at the limit. Who wants to send
// waits until nothing is owed, one after the other in the order they came, so
// that each waiter gets its turn within one piece of each other.
type Rate struct {
	turn chan struct{} // held by the one who waits for the debt

	mu      sync.Mutex
	limit   int64         // bytes/s; 0: none
	debt    float64       // bytes owed at the time at; negative: credit
	at      time.Time     // zero: nothing was sent yet
	changed chan struct{} // closed when the limit changes
}

// A piece is what one waiter sends before the next: what the limit lets through
// in pieceTime, within bounds.
const (
	pieceTime = 20 * time.Millisecond
	minPiece  = 1200     // bytes: less fills no packet
	maxPiece  = 16 << 10 // bytes: one TLS record
)

// NewRate returns a limit in bytes per second. Zero or less: none.
func NewRate(bytesPerSecond int64) *Rate {
	return &Rate{turn: make(chan struct{}, 1), limit: max(bytesPerSecond, 0), changed: make(chan struct{})}
}

// Set changes the limit at once, also for those who wait. Zero or less: none.
func (r *Rate) Set(bytesPerSecond int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle(time.Now())
	r.limit = max(bytesPerSecond, 0)
	r.debt = max(r.debt, -r.allowance())
	close(r.changed)
	r.changed = make(chan struct{})
}

// Limit returns the bytes per second; 0: none.
func (r *Rate) Limit() int64 {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.limit
}

// piece is how many bytes to ask for at most at once; 0: any number.
func (r *Rate) piece() int {
	limit := r.Limit()
	if limit == 0 {
		return 0
	}
	return int(min(max(limit*int64(pieceTime)/int64(time.Second), minPiece), maxPiece))
}

// wait returns when n bytes may be sent and counts them; false if done was
// closed first.
func (r *Rate) wait(done <-chan struct{}, n int) bool {
	if r == nil {
		return true
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-done:
		return false
	}
	for {
		owing, changed := r.take(time.Now(), n)
		if owing <= 0 {
			return true
		}
		if !pause(done, changed, owing) {
			return false
		}
	}
}

// pause waits for d or a change; false if done was closed.
func pause(done, changed <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-done:
		return false
	}
	return true
}

// take counts n bytes if nothing is owed; else it returns how long that will
// take, and what tells of a change meanwhile.
func (r *Rate) take(now time.Time, n int) (owing time.Duration, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle(now)
	if r.limit > 0 && r.debt > 0 {
		return max(time.Duration(r.debt/float64(r.limit)*float64(time.Second)), time.Microsecond), r.changed
	}
	r.owe(n)
	return 0, nil
}

// charge counts bytes that went out without asking: overhead and repeats.
func (r *Rate) charge(n int64) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle(time.Now())
	r.owe(int(n))
}

func (r *Rate) owe(n int) {
	if r.limit > 0 {
		r.debt += float64(n)
	}
}

// settle brings the debt to now. Credit for time in which nobody sent is kept
// for a piece's time only: it makes up for timers that fire late.
func (r *Rate) settle(now time.Time) {
	if !r.at.IsZero() {
		r.debt -= now.Sub(r.at).Seconds() * float64(r.limit)
	}
	r.debt, r.at = max(r.debt, -r.allowance()), now
	if r.limit == 0 {
		r.debt = 0
	}
}

// allowance is the most credit, in bytes.
func (r *Rate) allowance() float64 { return float64(r.limit) * pieceTime.Seconds() }
