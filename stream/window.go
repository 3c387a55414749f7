package stream

import (
	"fmt"
	"io"
	"sync"
)

// windowSize is how many chunks may be held for reassembly: with maxChunk it
// bounds the memory of a session.
const windowSize = 16

// window puts the chunks of all lanes back in order. Lanes admit and deliver,
// the reader takes. Safe for concurrent use.
//
//	next <= n < next+windowSize  holds for every chunk n that is admitted and not yet taken
type window struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever something below changes
	next    uint64        // the chunk the reader gets next
	slots   [windowSize]slot
	spare   [][]byte // buffers to use again
	lanes   int      // that have not ended
	total   uint64   // chunks in all, once ended
	ended   bool
	starved bool // the reader waits
}

type slotState uint8

const (
	slotFree     slotState = 0
	slotAdmitted slotState = 1
	slotFull     slotState = 2
)

type slot struct {
	state slotState
	raw   []byte
}

func newWindow() *window { return &window{changed: make(chan struct{})} }

// expect sets how many lanes will deliver. Called once, before any does.
func (w *window) expect(lanes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lanes = lanes
}

// admit reserves the place of chunk n and returns a buffer of maxChunk bytes
// for it. It waits while n is too far ahead. A number seen before is
// ErrBadStream; ErrClosed is returned once done is closed.
func (w *window) admit(done <-chan struct{}, n uint64) ([]byte, error) {
	for {
		buf, wait, err := w.tryAdmit(n)
		if wait == nil {
			return buf, err
		}
		select {
		case <-wait:
		case <-done:
			return nil, ErrClosed
		}
	}
}

func (w *window) tryAdmit(n uint64) (buf []byte, wait <-chan struct{}, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended && n >= w.total {
		return nil, nil, fmt.Errorf("chunk %d of %d: %w", n, w.total, ErrBadStream)
	}
	if n >= w.next && n-w.next >= windowSize {
		return nil, w.changed, nil
	}
	s := &w.slots[n%windowSize]
	if n < w.next || s.state != slotFree {
		return nil, nil, fmt.Errorf("chunk %d came twice: %w", n, ErrBadStream)
	}
	s.state = slotAdmitted
	if last := len(w.spare) - 1; last >= 0 {
		buf, w.spare = w.spare[last], w.spare[:last]
		return buf, nil, nil
	}
	return make([]byte, maxChunk), nil, nil
}

// deliver fills the place that admit has reserved.
func (w *window) deliver(n uint64, raw []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slots[n%windowSize] = slot{state: slotFull, raw: raw}
	w.signal()
}

// take returns the next chunk; the caller gives it back with recycle. io.EOF
// comes after the last one, if end has told how many there are; ErrBadStream
// if one is missing although every lane has ended.
func (w *window) take(done <-chan struct{}) ([]byte, error) {
	for {
		raw, wait, err := w.tryTake()
		if wait == nil {
			return raw, err
		}
		select {
		case <-wait:
		case <-done:
			return nil, ErrClosed
		}
	}
}

func (w *window) tryTake() (raw []byte, wait <-chan struct{}, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.starved = false
	if s := &w.slots[w.next%windowSize]; s.state == slotFull {
		raw, *s = s.raw, slot{}
		w.next++
		w.signal()
		return raw, nil, nil
	}
	if w.ended && w.next == w.total {
		return nil, nil, io.EOF
	}
	if w.ended && w.lanes == 0 {
		return nil, nil, fmt.Errorf("chunk %d of %d is missing: %w", w.next, w.total, ErrBadStream)
	}
	w.starved = true
	return nil, w.changed, nil
}

func (w *window) recycle(buf []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spare = append(w.spare, buf[:0])
}

// end tells how many chunks there are in all. It fails if that has been told
// before or more have come.
func (w *window) end(total uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || total < w.next {
		return fmt.Errorf("end after %d chunks: %w", total, ErrBadStream)
	}
	for n := total; n < w.next+windowSize; n++ {
		if w.slots[n%windowSize].state != slotFree {
			return fmt.Errorf("chunk %d of %d: %w", n, total, ErrBadStream)
		}
	}
	w.total, w.ended = total, true
	w.signal()
	return nil
}

// laneEnded says that one lane has delivered all it had.
func (w *window) laneEnded() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lanes--
	w.signal()
}

// state returns the number of chunks taken and whether the reader waits for
// more.
func (w *window) state() (taken uint64, starved bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next, w.starved
}

func (w *window) signal() {
	close(w.changed)
	w.changed = make(chan struct{})
}
