package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Pauses before a lane is replaced.
const (
	redialSoonest = 100 * time.Millisecond // doubles
	redialRarest  = 2 * time.Second
	givesUp       = 4 * redialSoonest // the third time that what is hopeless fails
)

// crew keeps the lanes of one session, as many of each kind as it is told. A
// lane that dies is replaced for as long as the session lives. Safe for
// concurrent use.
type crew struct {
	queue *queue
	log   *slog.Logger
	done  <-chan struct{} // closed when the session is over
	open  func(ctx context.Context, serial uint32, kind LaneKind, plain bool) (carrier, error)
	rtt   func() time.Duration
	rates []*Rate
	// hopeless is told that TCP lanes, the only ones allowed, cannot be had, after a
	// few attempts without one; nil: others may.
	hopeless func(error)
	steer    *steer        // nil: the first wish stays
	data     atomic.Int64  // bytes of chunks and their headers, repeats included
	changed  chan struct{} // a token when a lane has ended, or there should be others

	mu       sync.Mutex
	lanes    map[uint32]*lane
	serial   uint32 // of the next lane
	want     wish
	redial   map[LaneKind]*redial
	plain    bool // the path has swallowed large packets
	starved  bool // the target waits for chunks
	sailed   bool // a lane has been open
	rolled   time.Time
	most     int   // lanes at a time
	replaced int   // lanes that died
	wire     int64 // bytes, of lanes that have ended
}

// redial is when a kind of lane may be tried again, and why the last one ended.
type redial struct {
	pause time.Duration
	at    time.Time
	fault string // since the last sample
}

func newCrew(q *queue, log *slog.Logger, done <-chan struct{}, rates []*Rate) *crew {
	return &crew{
		queue: q, log: log, done: done, rates: rates, changed: make(chan struct{}, 1),
		lanes: make(map[uint32]*lane), redial: map[LaneKind]*redial{LaneQUIC: {}, LaneTCP: {}},
	}
}

// run keeps the lanes until ctx ends.
func (c *crew) run(ctx context.Context) {
	var working sync.WaitGroup
	defer working.Wait()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		again := c.staff(time.Now(), func(la *lane) {
			working.Go(func() { c.ended(la, c.carry(ctx, la)) })
		})
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			c.look(now)
		case <-again:
		case <-c.changed:
		}
	}
}

// staff begins and ends lanes until there are as many as there should be. It
// returns what tells that a pause is over; nil: there is none.
func (c *crew) staff(now time.Time, begin func(*lane)) (again <-chan time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for kind, want := range map[LaneKind]int{LaneQUIC: c.want.quic, LaneTCP: c.want.tcp} {
		have := c.working(kind)
		for _, la := range have[min(want, len(have)):] {
			c.retire(la)
		}
		if len(have) >= want {
			continue
		}
		if wait := c.redial[kind].at.Sub(now); wait > 0 {
			again = time.After(wait)
			continue
		}
		for range want - len(have) {
			begin(c.hire(kind))
		}
	}
	return again
}

// working returns the lanes of a kind that take chunks, or soon will, oldest
// first. It is called with mu held.
func (c *crew) working(kind LaneKind) []*lane {
	var list []*lane
	for _, la := range c.lanes {
		if la.kind == kind && la.state != laneFinishing {
			list = append(list, la)
		}
	}
	sortLanes(list)
	return list
}

// hire makes a lane. It is called with mu held.
func (c *crew) hire(kind LaneKind) *lane {
	la := &lane{serial: c.serial, kind: kind, plain: c.plain, state: laneDialling}
	c.serial++
	c.lanes[la.serial] = la
	c.most = max(c.most, len(c.lanes))
	return la
}

// retire lets la end after its chunk. It is called with mu held.
func (c *crew) retire(la *lane) {
	la.state = laneFinishing
	if la.retire != nil {
		la.retire()
	}
}

// enter says how la is told to end; false if that has been said already.
func (c *crew) enter(la *lane, retire context.CancelFunc) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	la.retire = retire
	return la.state == laneDialling
}

// opened lets la take chunks.
func (c *crew) opened(la *lane, on carrier) *pacer {
	c.queue.join(la.serial)
	paced := pace(c.done, on, c.rates)
	c.mu.Lock()
	defer c.mu.Unlock()
	la.pacer, c.sailed = paced, true
	if la.state == laneDialling {
		la.state = laneSending
	}
	return paced
}

// ended takes note of the end of la.
func (c *crew) ended(la *lane, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.lanes, la.serial)
	if la.pacer != nil {
		c.wire += la.pacer.stats().wireBytes
	}
	if err != nil && la.state != laneFinishing && !closed(c.done) {
		c.fell(la, err)
	}
	c.signal()
}

// signal lets run look again how many lanes there should be.
func (c *crew) signal() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// fell counts a lane that died and sets the pause before the next one. It is
// called with mu held.
func (c *crew) fell(la *lane, err error) {
	r := c.redial[la.kind]
	if r.pause == 0 {
		c.log.Debug("lane lost", "kind", la.kind.String(), "serial", int64(la.serial), "err", err)
	}
	r.pause = min(max(2*r.pause, redialSoonest), redialRarest)
	r.at, r.fault = time.Now().Add(r.pause), faultText(la.kind, err)
	if la.state == laneSending {
		c.replaced++
	}
	if c.hopeless != nil && !c.sailed && r.pause >= givesUp && noTCP(err) {
		c.hopeless(err)
	}
}

// faultText says, for people, why there is no lane of a kind.
func faultText(kind LaneKind, err error) string {
	no, refused := errors.AsType[*NoTCPError](err)
	switch {
	case refused:
		return no.Error()
	case errors.Is(err, errNoTCP):
		return errNoTCP.Error()
	case errors.Is(err, errStill):
		return "nothing arrived on a " + kind.String() + " lane"
	case errors.Is(err, context.DeadlineExceeded):
		return "a " + kind.String() + " lane was not answered in time"
	}
	return "a " + kind.String() + " lane broke"
}

func closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// maxPassed bounds the time one report accounts for: they come every second.
const maxPassed = 2 * time.Second

// report takes in what the target says has come on each lane. The error wraps
// ErrBadStream: it is more than was sent.
func (c *crew) report(now time.Time, p progress) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.starved = p.Starved
	c.glance(now, p.Bytes)
	if !p.Roll {
		return nil
	}
	passed := min(now.Sub(c.rolled), maxPassed)
	c.rolled = now
	came := make(map[uint32]int64, len(p.Lanes))
	for _, r := range p.Lanes {
		came[r.Serial] = r.Bytes
	}
	for serial, la := range c.lanes {
		if came[serial] > la.written.Load() {
			return fmt.Errorf("lane %d: %d bytes arrived of %d: %w", serial, came[serial], la.written.Load(), ErrBadStream)
		}
		c.weigh(la, came[serial], passed)
	}
	return nil
}

// glance lets the controller see how fast a session begins. It is called with mu
// held.
func (c *crew) glance(now time.Time, came int64) {
	if c.steer == nil {
		return
	}
	if w, changed := c.steer.glance(now, came); changed {
		c.want = w
		c.signal()
	}
}

// weigh judges one lane. It is called with mu held.
func (c *crew) weigh(la *lane, came int64, passed time.Duration) {
	if la.pacer == nil {
		return
	}
	unacked, _ := c.queue.unconfirmed(la.serial)
	waited := la.pacer.waited()
	f := laneFacts{
		state: la.state, unacked: unacked, moved: came > la.delivered,
		held: waited > la.held || la.pacer.waiting(), passed: passed, still: la.still,
	}
	la.delivered, la.held = max(came, la.delivered), waited
	if f.moved {
		c.redial[la.kind].pause = 0
	}
	var v sentence
	if la.still, v = judge(f); v == laneDies {
		c.plain = true
		la.kill(errStill)
	}
}
