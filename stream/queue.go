package stream

import "sync"

// queue is what one session has been handed by its feed and the target has not
// confirmed. Lanes take from it; what a lane took and lost goes to the next one.
//
//	        take              ack
//	waiting ───→ sent(lane) ───────→ confirmed
//	   ↑            │ the lane is lost   ↑
//	   └────────────┴── ack (it had come all the same)
//
//	first ≤ sent ≤ end; what is sent lies below first+reach
//
// Safe for concurrent use.
type queue struct {
	fail func(error) // ends the session

	mu      sync.Mutex
	wake    func()        // tells the feed that there may be room; called without mu
	changed chan struct{} // closed and replaced whenever a lane or End may go on
	base    mark          // at first: what the target has taken
	held    []entry       // from first on
	sent    uint64        // one more than the highest number sent
	reach   int           // chunks beyond first that may be sent, 1..windowSize
	lanes   map[uint32]*laneMark
	counts  [levels]int64 // of chunks sent, without repeats
	closed  bool          // no more will be handed over
	behind  bool          // handed over is only what was sent: the feed went on without this session
}

// laneMark is what a queue knows of a lane.
type laneMark struct {
	unconfirmed int  // chunks
	hungry      bool // waits for a chunk
}

type entryState uint8

const (
	entryWaiting   entryState = 0
	entrySent      entryState = 1
	entryConfirmed entryState = 2
)

type entry struct {
	*parcel            // nil once confirmed
	end     mark       // where the chunk ends
	state   entryState // of the transfer
	lane    uint32     // that has sent it
	counted bool
}

func newQueue(reach int, fail func(error)) *queue {
	return &queue{
		fail: fail, wake: func() {}, changed: make(chan struct{}), base: newMark(), reach: reach, lanes: make(map[uint32]*laneMark),
	}
}

// push hands over the next chunk, which ends at m.
func (q *queue) push(c *parcel, m mark) {
	q.mu.Lock()
	defer q.mu.Unlock()
	c.keep()
	q.held = append(q.held, entry{parcel: c, end: m})
}

// close says that all has been handed over.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

// notice lets lanes look again: a chunk is packed.
func (q *queue) notice() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.signal()
}

// signal is called with mu held.
func (q *queue) signal() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// end is where the last chunk handed over ends. It is called with mu held.
func (q *queue) end() mark {
	if len(q.held) == 0 {
		return q.base
	}
	return q.held[len(q.held)-1].end
}

// join makes a lane known. Its serial is new.
func (q *queue) join(serial uint32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lanes[serial] = &laneMark{}
}

// leave forgets a lane: what it has sent in vain waits again.
func (q *queue) leave(serial uint32) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.lanes, serial)
	for i := range q.inReach() {
		if e := &q.held[i]; e.state == entrySent && e.lane == serial {
			e.state = entryWaiting
		}
	}
	q.signal()
}

// outstanding is how many chunks were handed over that the target has not
// confirmed to have taken.
func (q *queue) outstanding() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.held)
}

// inReach is how many of held may be sent. It is called with mu held.
func (q *queue) inReach() int { return min(len(q.held), windowSize) }

// take returns the next chunk for a lane to send, waiting for one. It returns
// nil once stop is closed. The lane releases the parcel.
func (q *queue) take(serial uint32, stop <-chan struct{}) *parcel {
	for {
		c, wait := q.tryTake(serial)
		if c != nil {
			q.tell()
			return c
		}
		select {
		case <-wait:
		case <-stop:
			return nil
		}
	}
}

func (q *queue) tryTake(serial uint32) (*parcel, <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	la := q.lanes[serial]
	la.hungry = false
	reach := min(len(q.held), q.reach)
	for i := range reach {
		e := &q.held[i]
		if e.state != entryWaiting {
			continue
		}
		if e.packed.Load() {
			return q.hand(e, la, serial), nil
		}
		la.hungry = true
	}
	la.hungry = la.hungry || !q.closed && reach < q.reach
	return nil, q.changed
}

// hand gives e to a lane. It is called with mu held.
func (q *queue) hand(e *entry, la *laneMark, serial uint32) *parcel {
	e.state, e.lane = entrySent, serial
	la.unconfirmed++
	q.sent = max(q.sent, e.header.number+1)
	if !e.counted {
		e.counted = true
		q.counts[e.level]++
	}
	e.keep()
	return e.parcel
}

// tell lets the feed look whether there is room.
func (q *queue) tell() {
	q.mu.Lock()
	wake := q.wake
	q.mu.Unlock()
	wake()
}

// setReach changes how far ahead of the target the lanes may go.
func (q *queue) setReach(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.reach != n {
		q.reach = n
		q.signal()
	}
}

// unconfirmed is how many chunks a lane has sent that the target has not
// confirmed. It may be less once changed is closed.
func (q *queue) unconfirmed(serial uint32) (n int, changed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if la := q.lanes[serial]; la != nil {
		n = la.unconfirmed
	}
	return n, q.changed
}

// cutOff keeps only what has been sent and returns where that ends: the session
// has fallen behind.
func (q *queue) cutOff() mark {
	q.mu.Lock()
	defer q.mu.Unlock()
	keep := int(q.sent - q.base.chunks)
	dropEntries(q.held[keep:])
	q.held, q.behind = q.held[:keep], true
	q.signal()
	return q.end()
}

// discard drops everything: the session is over.
func (q *queue) discard() {
	q.mu.Lock()
	defer q.mu.Unlock()
	dropEntries(q.held)
	q.closed = true
}

func dropEntries(held []entry) {
	for i := range held {
		if held[i].parcel != nil {
			held[i].release()
		}
		held[i].parcel, held[i].state = nil, entryConfirmed
	}
}

// rejoin lets a session that fell behind be handed more.
func (q *queue) rejoin() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.behind = false
}

// follows says which feed hands over from now on.
func (q *queue) follows(wake func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wake = wake
}

// handed returns what has been handed over, and whether that is all of the
// stream, or all that there will be from this feed. It changes when changed is closed.
func (q *queue) handed() (to mark, closed, behind bool, changed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.end(), q.closed, q.behind, q.changed
}

// waiting says whether the target has yet to confirm something.
func (q *queue) waiting() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.base.chunks < q.sent
}
