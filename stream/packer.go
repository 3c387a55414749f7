package stream

import (
	"runtime"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
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

// pack compresses raw if that pays and completes the header.
func (c *parcel) pack(enc *zstd.Encoder) {
	c.payload, c.header.encoding = c.raw, encodingRaw
	if worthwhile(c.raw) {
		c.packed = enc.EncodeAll(c.raw, c.packed[:0])
		if len(c.packed) < len(c.raw) {
			c.payload, c.header.encoding = c.packed, encodingZstd
		}
	}
	c.header.encoded, c.header.sum = len(c.payload), castagnoli(c.raw)
}

// packer cuts the raw stream into chunks and compresses them. Parcels come
// out of queue in the order of their numbers, each to be sent once ready; a
// lane therefore never holds a chunk that waits for one behind it. The number
// of parcels bounds the memory, 2 MiB each.
//
// write and close belong to one goroutine; work runs on workers of their own.
type packer struct {
	free    chan *parcel
	work    chan *parcel
	queue   chan *parcel
	current *parcel
	next    uint64 // number of the current parcel
	sent    atomic.Uint64
}

const maxWorkers = 4

// workers is how many goroutines compress: more than the processors would
// only queue, and the lanes need some too.
func workers() int { return min(runtime.GOMAXPROCS(0), maxWorkers) }

// newPacker has parcels for every lane and worker, and two to fill meanwhile.
func newPacker(lanes int) *packer {
	n := lanes + workers() + 2
	p := &packer{
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
func (p *packer) compress(done <-chan struct{}) error {
	enc, err := newEncoder()
	if err != nil {
		return err
	}
	for {
		select {
		case c, ok := <-p.work:
			if !ok {
				return enc.Close()
			}
			c.pack(enc)
			c.ready <- struct{}{}
		case <-done:
			return enc.Close()
		}
	}
}

// take returns the next parcel once it is ready; ok is false when there are no
// more. It returns nil, true if done was closed. The caller gives the parcel
// back to free.
func (p *packer) take(done <-chan struct{}) (c *parcel, ok bool) {
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
