package stream

import (
	"fmt"
	"io"
	"sync"
)

// windowSize is how many chunks the source may be ahead of what the reader has
// taken: with maxChunk it bounds the memory of a session at its target.
const windowSize = 32

// maxRepeats is how many chunks may come in vain, beyond those that were of
// use: a source repeats only what lanes have lost.
const maxRepeats = 8 * windowSize

// window puts the chunks of all lanes back in order. Lanes deliver, the reader
// takes; of a chunk that comes twice the first one counts. Safe for concurrent
// use.
//
//	next <= n < next+windowSize  holds for every chunk n that is held
type window struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever the reader may go on
	news    chan struct{} // one token when there is something to acknowledge
	next    uint64        // the chunk the reader gets next
	slots   [windowSize][]byte
	repeats uint64 // chunks that came in vain
	total   uint64 // chunks in all, once ended
	ended   bool
	starved bool // the reader waits
}

func newWindow() *window {
	return &window{changed: make(chan struct{}), news: make(chan struct{}, 1)}
}

// wants says whether chunk n is still of use. The error wraps ErrBadStream: a
// sound source knows how far it may go, and does not repeat for ever.
func (w *window) wants(n uint64) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended && n >= w.total {
		return false, fmt.Errorf("chunk %d of %d: %w", n, w.total, ErrBadStream)
	}
	if n >= w.next && n-w.next >= windowSize {
		return false, fmt.Errorf("chunk %d, %d were taken: %w", n, w.next, ErrBadStream)
	}
	if n >= w.next && w.slots[n%windowSize] == nil {
		return true, nil
	}
	if w.repeats++; w.repeats > w.next+maxRepeats {
		return false, fmt.Errorf("%d chunks came again: %w", w.repeats, ErrBadStream)
	}
	return false, nil
}

// deliver brings chunk n, which was wanted. False: another lane was faster.
func (w *window) deliver(n uint64, raw []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.slots[n%windowSize]
	if n < w.next || *s != nil {
		w.repeats++
		return false
	}
	*s = raw
	w.signal()
	return true
}

// take returns the next chunk, which is the caller's. io.EOF comes after the
// last one, if end has told how many there are.
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
	if s := &w.slots[w.next%windowSize]; *s != nil {
		raw, *s = *s, nil
		w.next++
		w.signal()
		return raw, nil, nil
	}
	if w.ended && w.next == w.total {
		return nil, nil, io.EOF
	}
	w.starved = true
	return nil, w.changed, nil
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
		if w.slots[n%windowSize] != nil {
			return fmt.Errorf("chunk %d of %d: %w", n, total, ErrBadStream)
		}
	}
	w.total, w.ended = total, true
	w.signal()
	return nil
}

// state is what the source may know: the chunks taken, which of those from there
// on are held, and whether the reader waits for more.
func (w *window) state() (taken uint64, beyond uint32, starved bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range uint64(windowSize) {
		if w.slots[(w.next+i)%windowSize] != nil {
			beyond |= 1 << i
		}
	}
	return w.next, beyond, w.starved
}

// drop gives back what is held: the session is over.
func (w *window) drop(b *blocks) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, raw := range w.slots {
		b.put(raw)
		w.slots[i] = nil
	}
}

// signal is called with mu held.
func (w *window) signal() {
	close(w.changed)
	w.changed = make(chan struct{})
	select {
	case w.news <- struct{}{}:
	default:
	}
}
