package stream

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Bounds of what a feed keeps. Together with the window of its leading session
// they are its memory: on two processors and over two lanes
//
//	2 workers + 4 slack + 12 in the window             18 MiB
//	+ what the others have yet to confirm, the spool   32 MiB
//
// and 38 MiB instead of 18 over sixteen lanes or a long line. Four runs at a
// time are thus below 80 MiB alone and below 140 MiB as two feeds of two; the
// target's end of a run is added up in intake.go.
const (
	spoolBytes  = 32 << 20
	spoolChunks = 512              // of any size: they stand for work already done
	leaveAfter  = 10 * time.Second // that others wait for a session, before the feed goes on without it
)

// Bounds of a chunk that goes early.
const (
	leastEarly = 4 << 10   // bytes, for the first
	mostEarly  = 128 << 10 // bytes, that are enough at any time
	fewChunks  = 3         // that a session has to have confirmed yet, at the most
)

// Feed is one raw stream on its way to several sessions, read and compressed
// once:
//
//	       ┌→ session → lanes
//	Write ─┼→ session → lanes
//	       └→ session → lanes     fell behind: goes on by Outbound.Continue
//
// A chunk is kept until every session has its confirmation. The feed moves at
// the pace of the slowest as long as that costs the others nothing: what the
// slow one alone has yet to confirm is the spool. When that is full and another
// session has waited for ten seconds in all, the slowest is left behind: a
// checkpoint on a slow disk takes less, and to read and compress all again is the
// dearer the later. The last one never is.
//
// Write and End belong to one goroutine; either End or Abort must be called.
type Feed struct {
	log    *slog.Logger
	blocks *blocks
	packer *packer
	nudge  chan struct{} // one token when a session has moved or left
	spool  int64         // bytes

	at      mark    // where the current chunk begins
	current *parcel // being filled; nil: none
	waited  time.Duration

	mu     sync.Mutex
	queues []*queue
	behind []*queue // that left, and may wait for chunks that are being packed
	begun  bool     // something was handed over
	ended  bool     // all was written
	err    error    // why it was given up
}

// NewFeed makes a feed without sessions: see Outbound.Follow.
func NewFeed(log *slog.Logger) *Feed { return newFeed(log, newMark(), workers()) }

// newFeed makes a feed of a stream that begins at m.
func newFeed(log *slog.Logger, m mark, workers int) *Feed {
	f := &Feed{log: log, blocks: new(blocks), nudge: make(chan struct{}, 1), at: m, spool: spoolBytes}
	f.packer = newPacker(workers, f.backlog, f.packed)
	return f
}

// follow adds a session. The error is ErrMisuse when its numbers do not go on
// where the feed is.
func (f *Feed) follow(q *queue) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if to, closed, _, _ := q.handed(); f.begun || f.ended || f.err != nil || closed || to.chunks != f.at.chunks {
		return ErrMisuse
	}
	q.follows(f.wake)
	f.queues = append(f.queues, q)
	return nil
}

// leave takes a session out: it has ended.
func (f *Feed) leave(q *queue) {
	f.mu.Lock()
	f.queues = slices.DeleteFunc(f.queues, func(o *queue) bool { return o == q })
	f.mu.Unlock()
	f.wake()
}

// wake lets Write look again.
func (f *Feed) wake() {
	select {
	case f.nudge <- struct{}{}:
	default:
	}
}

func (f *Feed) followers() []*queue {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.queues)
}

// errAlone means that no session follows a feed any more.
var errAlone = errors.New("no session is left")

// state says why nothing may be written any more.
func (f *Feed) state() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.err != nil:
		return f.err
	case f.ended:
		return ErrMisuse
	case len(f.queues) == 0:
		return errAlone
	default:
		return nil
	}
}

// Write takes a part of the raw stream. It blocks while the sessions have
// enough, and does not keep p. It fails when no session is left, or after Abort.
func (f *Feed) Write(p []byte) (int, error) {
	taken := 0
	for taken < len(p) {
		if err := f.begin(); err != nil {
			return taken, fmt.Errorf("feed: %w", err)
		}
		n := min(maxChunk-len(f.current.block), len(p)-taken)
		f.current.block = append(f.current.block, p[taken:taken+n]...)
		taken += n
		if len(f.current.block) == maxChunk || f.due() {
			f.submit()
		}
	}
	return taken, nil
}

// due says that the current chunk is not to wait until it is full: the sessions
// have next to nothing to do, and it is large enough. What is enough grows with
// what has been sent, so that a target can begin at once with a stream that comes
// slowly, and never waits for long.
func (f *Feed) due() bool {
	enough := min(max(f.at.bytes, leastEarly), mostEarly)
	if int64(len(f.current.block)) < enough {
		return false
	}
	for _, q := range f.followers() {
		if q.outstanding() > fewChunks {
			return false
		}
	}
	return true
}

// begin makes sure that there is a chunk to fill.
func (f *Feed) begin() error {
	err := f.state()
	if err != nil || f.current != nil {
		return err
	}
	if err := f.makeRoom(); err != nil {
		return err
	}
	f.current = &parcel{block: f.blocks.get(maxChunk), from: f.blocks}
	return nil
}

// makeRoom waits until one more chunk may be kept.
func (f *Feed) makeRoom() error {
	for {
		r := f.room()
		if r.free {
			return f.state()
		}
		if r.held && f.waited >= leaveAfter {
			f.leaveBehind(r.last)
			continue
		}
		if !f.await(r.held) {
			return f.state()
		}
	}
}

// await waits for a change; held says that the time counts against the slowest
// session. It returns false when the feed has ended.
func (f *Feed) await(held bool) bool {
	if f.state() != nil {
		return false
	}
	if !held {
		<-f.nudge
		return true
	}
	begun := time.Now()
	late := time.NewTimer(leaveAfter - f.waited)
	defer late.Stop()
	select {
	case <-f.nudge:
	case <-late.C:
	}
	f.waited += time.Since(begun)
	return true
}

// leaveBehind lets the session of q go on by itself.
func (f *Feed) leaveBehind(q *queue) {
	f.leave(q)
	at := q.cutOff()
	f.waited = 0
	f.mu.Lock()
	f.behind = append(f.behind, q)
	f.mu.Unlock()
	f.log.Info("session left behind by its feed", "bytes", at.bytes, "chunks", at.chunks)
}

// submit hands the current chunk to the sessions, and to a worker.
func (f *Feed) submit() {
	c := f.current
	f.current = nil
	end := f.at.after(c.block)
	c.header = chunkHeader{number: f.at.chunks, raw: len(c.block)}
	c.keep() // until it is packed
	f.hand(c, end)
	f.at = end
	f.packer.add(c)
}

func (f *Feed) hand(c *parcel, end mark) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begun = true
	for _, q := range f.queues {
		q.push(c, end)
	}
}

// packed lets the lanes have c.
func (f *Feed) packed(c *parcel) {
	c.packed.Store(true)
	c.release()
	f.mu.Lock()
	all := slices.Concat(f.queues, f.behind)
	f.mu.Unlock()
	for _, q := range all {
		q.notice()
	}
}

// End says that all has been written. The sessions then finish, each in its
// own time. The error is that of Write.
func (f *Feed) End() error {
	err := f.state()
	if err == nil && f.current != nil && len(f.current.block) > 0 {
		f.submit()
	}
	if err == nil {
		err = f.close()
	}
	f.packer.close()
	if err != nil {
		return fmt.Errorf("feed: %w", err)
	}
	for _, q := range f.followers() {
		q.close()
	}
	return nil
}

// close keeps what comes later from the sessions. It fails if Abort was first.
func (f *Feed) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = f.err == nil
	return f.err
}

// Abort gives the stream up: every session that follows it fails with err,
// which must not be nil. It does nothing after End. Any goroutine may call it.
func (f *Feed) Abort(err error) {
	if !f.giveUp(err) {
		return
	}
	f.wake()
	f.packer.stop()
	for _, q := range f.followers() {
		q.fail(err)
	}
}

// giveUp takes note of the first err; false after End.
func (f *Feed) giveUp(err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ended {
		f.err = cmp.Or(f.err, err)
	}
	return !f.ended
}
