package stream

import (
	"sync/atomic"
	"time"
)

// pacer makes a carrier keep to rates: all that it writes waits for them, and
// what the transport adds is charged to them.
type pacer struct {
	carrier
	done    <-chan struct{}
	rates   []*Rate
	charged int64        // wire bytes the rates know of
	held    atomic.Int64 // nanoseconds spent waiting for the rates
	waits   atomic.Bool  // at this moment
}

// pace binds c to rates until done is closed.
func pace(done <-chan struct{}, c carrier, rates []*Rate) *pacer {
	return &pacer{carrier: c, done: done, rates: rates}
}

// Write sends p in pieces. The error is ErrClosed if done was closed while it
// waited.
func (p *pacer) Write(b []byte) (int, error) {
	sent := 0
	for sent < len(b) {
		piece := b[sent:min(sent+p.piece(len(b)), len(b))]
		if !p.wait(len(piece)) {
			return sent, ErrClosed
		}
		n, err := p.carrier.Write(piece)
		sent += n
		p.settle(n)
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// piece is the smallest that any rate asks for, n if none does.
func (p *pacer) piece(n int) int {
	for _, r := range p.rates {
		if most := r.piece(); most > 0 {
			n = min(n, most)
		}
	}
	return n
}

// wait waits for every rate: the lowest one decides.
func (p *pacer) wait(n int) bool {
	begun := time.Now()
	p.waits.Store(true)
	defer func() {
		p.waits.Store(false)
		p.held.Add(int64(time.Since(begun)))
	}()
	for _, r := range p.rates {
		if !r.wait(p.done, n) {
			return false
		}
	}
	return true
}

// settle charges what the wire has carried beyond what was asked for. The
// transport sends late: the difference is made up for in a later call.
func (p *pacer) settle(n int) {
	p.charged += int64(n)
	if len(p.rates) == 0 {
		return
	}
	excess := p.stats().wireBytes - p.charged
	if excess <= 0 {
		return
	}
	p.charged += excess
	for _, r := range p.rates {
		r.charge(excess)
	}
}

// waited is how long Write was held back by the rates so far.
func (p *pacer) waited() time.Duration { return time.Duration(p.held.Load()) }

// waiting says whether Write is held back by the rates at this moment.
func (p *pacer) waiting() bool { return p.waits.Load() }
