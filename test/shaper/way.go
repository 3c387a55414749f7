package shaper

import (
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Counts is what became of the packets of one direction since it was opened.
type Counts struct {
	Packets, Bytes int64 // delivered, a packet that came twice counted twice; bytes of IP
	Lost           int64 // at random
	Overrun        int64 // found the queue full
	TooLarge       int64
	Cut            int64 // the line was down
}

// way is one direction of a line.
type way struct {
	from io.Reader
	to   io.Writer
	wake chan struct{} // something was added to flight

	mu      sync.Mutex
	profile Profile
	path    path
	flight  flight
	counts  Counts
}

func newWay(from io.Reader, to io.Writer, rng *rand.Rand) *way {
	return &way{from: from, to: to, wake: make(chan struct{}, 1), path: path{rng: rng}}
}

func (w *way) set(p Profile) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.profile = p
}

func (w *way) count() Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts
}

// maxPacket is more than the devices, whose MTU is 1500, ever hand over.
const maxPacket = 64 << 10

// take reads packets until the device is closed.
func (w *way) take() {
	buf := make([]byte, maxPacket)
	for {
		n, err := w.from.Read(buf)
		if err != nil {
			return
		}
		w.enter(time.Now(), slices.Clone(buf[:n]))
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

func (w *way) enter(now time.Time, data []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	due, fate := w.path.pass(w.profile, now, len(data))
	switch fate {
	case passed:
	case lost:
		w.counts.Lost++
	case overrun:
		w.counts.Overrun++
	case tooLarge:
		w.counts.TooLarge++
	case cut:
		w.counts.Cut++
	}
	for _, at := range due {
		if !w.flight.add(at, data) {
			w.counts.Overrun++
		}
	}
}

// deliver writes packets when they are due, until done is closed.
func (w *way) deliver(done <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait := w.flush(time.Now())
		var due <-chan time.Time
		if wait >= 0 {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-due:
		case <-w.wake:
		case <-done:
			return
		}
	}
}

// flush delivers all that is due, and returns when the next will be; negative:
// there is none.
func (w *way) flush(now time.Time) time.Duration {
	for {
		data, wait := w.next(now)
		if data == nil {
			return wait
		}
		_, _ = w.to.Write(data) // a device that is down loses it, as a line does
	}
}

// next takes a packet that is due. One that is under way when the line goes down
// is lost.
func (w *way) next(now time.Time) ([]byte, time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		data, wait := w.flight.next(now)
		switch {
		case data == nil:
			return nil, wait
		case w.profile.Down:
			w.counts.Cut++
		default:
			w.counts.Packets++
			w.counts.Bytes += int64(len(data))
			return data, 0
		}
	}
}
