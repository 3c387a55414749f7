package stream

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// parcel is one chunk on its way to a lane. Buffers are made on first use and
// reused with the parcel.
type parcel struct {
	header  chunkHeader
	raw     []byte        // filled by the writer
	packed  []byte        // the compressed form, if it was tried
	payload []byte        // what to send: raw, or a part of packed
	ready   chan struct{} // one token when payload is set
}

// pack compresses raw at l if that pays and completes the header. It returns
// the level that the payload has.
func (c *parcel) pack(enc *encoder, l level) level {
	used := levelRaw
	c.payload, c.header.encoding = c.raw, encodingRaw
	if l != levelRaw && worthwhile(c.raw) {
		c.packed = enc.encode(l, c.raw, c.packed[:0])
		if len(c.packed) < len(c.raw) {
			used, c.payload, c.header.encoding = l, c.packed, encodingZstd
		}
	}
	c.header.encoded, c.header.sum = len(c.payload), castagnoli(c.raw)
	return used
}

// packing is parcel.pack with an encoder.
type packing func(c *parcel, l level) level

// packer cuts the raw stream into chunks and compresses them. Parcels come
// out of queue in the order of their numbers, each to be sent once ready; a
// lane therefore never holds a chunk that waits for one behind it. The number
// of parcels bounds the memory, 2 MiB each.
//
// write and close belong to one goroutine; work runs on workers of their own.
type packer struct {
	lanes   int
	workers int // goroutines that run compress
	free    chan *parcel
	work    chan *parcel
	queue   chan *parcel
	current *parcel
	next    uint64 // number of the current parcel
	sent    atomic.Uint64

	mu       sync.Mutex
	governor *governor
	packed   int           // parcels that are ready and no lane has taken
	hungry   int           // lanes that wait for a parcel
	counts   [levels]int64 // chunks packed, by the level they got
	effort   effort        // of all workers
}

const (
	maxWorkers = 8
	slack      = 4 // parcels more than lanes and workers: to fill, and for lanes to send while others are compressed
)

// workers is how many goroutines compress: all processors but one, which the
// lanes need. With two, both do: what the lanes take then shows in the queue.
func workers() int {
	n := runtime.GOMAXPROCS(0)
	return min(max(n-1, min(n, 2)), maxWorkers)
}

// newPacker has parcels for every lane and worker, and slack. All but the
// one it asks about can be ahead of a worker.
func newPacker(lanes, workers int) *packer {
	n := lanes + workers + slack
	p := &packer{
		lanes: lanes, workers: workers, governor: newGovernor(n - 1),
		free: make(chan *parcel, n), work: make(chan *parcel, n), queue: make(chan *parcel, n),
	}
	for range n {
		p.free <- &parcel{ready: make(chan struct{}, 1)}
	}
	return p
}

// write takes b into chunks, waiting for lanes to free parcels. It returns
// what it took; less than len(b) if done was closed.
func (p *packer) write(done <-chan struct{}, b []byte) int {
	taken := 0
	for taken < len(b) {
		if p.current == nil && !p.begin(done) {
			return taken
		}
		c := p.current
		n := min(maxChunk-len(c.raw), len(b)-taken)
		c.raw = append(c.raw, b[taken:taken+n]...)
		taken += n
		if len(c.raw) == maxChunk {
			p.submit()
		}
	}
	return taken
}

func (p *packer) begin(done <-chan struct{}) bool {
	select {
	case c := <-p.free:
		if c.raw == nil {
			c.raw = make([]byte, 0, maxChunk)
		}
		c.raw = c.raw[:0]
		p.current = c
		return true
	case <-done:
		return false
	}
}

// submit hands the current parcel to a worker and, in its turn, to the lanes.
// Neither channel can be full: each has room for every parcel.
func (p *packer) submit() {
	c := p.current
	p.current = nil
	c.header = chunkHeader{number: p.next, raw: len(c.raw)}
	p.next++
	p.sent.Store(p.next)
	p.work <- c
	p.queue <- c
}

// close submits what is left; workers and lanes end when they have done all.
func (p *packer) close() {
	if p.current != nil && len(p.current.raw) > 0 {
		p.submit()
	}
	close(p.work)
	close(p.queue)
}

// compress packs parcels until there are no more or done is closed.
func (p *packer) compress(done <-chan struct{}, pack packing) {
	for free := time.Now(); ; {
		select {
		case c, ok := <-p.work:
			if !ok {
				return
			}
			begun := time.Now()
			l := p.choose()
			used := pack(c, l)
			rest := begun.Sub(free)
			free = time.Now()
			p.finished(l, used, effort{free.Sub(begun), rest})
			c.ready <- struct{}{}
		case <-done:
			return
		}
	}
}

// choose returns the level for the parcel a worker has just taken.
func (p *packer) choose() level {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.governor.choose(p.backlog())
}

// finished counts a parcel for which l was chosen and that got used. One that
// could not be compressed tells nothing about the level.
func (p *packer) finished(l, used level, e effort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.effort.add(e)
	if l == used && l != levelRaw {
		p.governor.compressed(l, p.backlog())
	}
	p.packed++
	p.counts[used]++
}

// backlog is called with mu held.
func (p *packer) backlog() backlog {
	sending := p.lanes - p.hungry
	return backlog{ahead: p.packed + sending, behind: len(p.work), idle: sending == 0, rested: p.effort.rested()}
}

// take returns the next parcel once it is ready; ok is false when there are no
// more. It returns nil, true if done was closed. The caller gives the parcel
// back to free.
func (p *packer) take(done <-chan struct{}) (c *parcel, ok bool) {
	p.mu.Lock()
	p.hungry++
	p.mu.Unlock()
	c, ok = p.await(done)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hungry--
	if c != nil {
		p.packed--
	}
	return c, ok
}

func (p *packer) await(done <-chan struct{}) (c *parcel, ok bool) {
	select {
	case c, ok = <-p.queue:
		if !ok {
			return nil, false
		}
	case <-done:
		return nil, true
	}
	select {
	case <-c.ready:
		return c, true
	case <-done:
		return nil, true
	}
}

// chunks returns how many chunks were packed at each level so far.
func (p *packer) chunks() Chunks {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Chunks{Raw: p.counts[levelRaw], Fastest: p.counts[levelFastest], Default: p.counts[levelDefault]}
}
