package stream

import (
	"runtime"
	"sync"
	"time"
)

const (
	maxWorkers = 8
	usualLanes = 2 // that the governor reckons with
	slack      = 4 // chunks more than workers: to fill, and for lanes to take while others are compressed
)

// workers is how many goroutines compress: all processors but one, which the
// lanes need. With two, both do: what the lanes take then shows in the queue.
func workers() int {
	n := runtime.GOMAXPROCS(0)
	return min(max(n-1, min(n, 2)), maxWorkers)
}

// packer compresses the chunks of a feed on workers of its own, which it starts
// with the first one. Chunks are added, and it is closed, by one goroutine.
type packer struct {
	workers int
	work    chan *parcel
	around  func() backlog // what lies before a worker
	done    func(*parcel)  // takes what is packed
	once    sync.Once
	running tasks
	shut    sync.Once // work
	ending  sync.Once // stopped
	stopped chan struct{}

	mu       sync.Mutex
	governor *governor
	effort   effort // of all workers
}

func newPacker(workers int, around func() backlog, done func(*parcel)) *packer {
	p := &packer{workers: workers, around: around, done: done, stopped: make(chan struct{})}
	p.work = make(chan *parcel, p.depth())
	p.governor = newGovernor(p.depth() + usualLanes - 1) // all but the one it asks about
	return p
}

// depth is how many chunks there may be that no lane has taken.
func (p *packer) depth() int { return p.workers + slack }

// admits says whether one more chunk may be begun while so many wait for a lane.
func (p *packer) admits(waiting int) bool { return waiting < p.depth() }

// add hands c to a worker. There is room: no more than depth wait.
func (p *packer) add(c *parcel) {
	p.start(newCompressor)
	p.work <- c
}

// start runs the workers, once.
func (p *packer) start(compressor func() packing) {
	p.once.Do(func() {
		for range p.workers {
			pack := compressor()
			p.running.start(func() { p.compress(pack) })
		}
	})
}

// close returns when all chunks are packed and the workers have ended. Nothing
// may be added afterwards.
func (p *packer) close() {
	p.shut.Do(func() { close(p.work) })
	p.running.wait()
}

// stop ends the workers once what was added before is packed: a session that
// fell behind may have been handed it. Any goroutine may call it, also again.
func (p *packer) stop() {
	p.ending.Do(func() { close(p.stopped) })
	p.running.wait()
}

// packing packs a chunk at a level. One belongs to one goroutine.
type packing func(*parcel, level)

// newCompressor packs with zstd. A chunk goes raw if there is none.
func newCompressor() packing {
	enc, err := newEncoder()
	if err != nil {
		enc = nil
	}
	return func(c *parcel, l level) {
		if enc == nil {
			l = levelRaw
		}
		c.pack(enc, l)
	}
}

// compress is one worker.
func (p *packer) compress(pack packing) {
	for free := time.Now(); ; {
		c := p.next()
		if c == nil {
			return
		}
		begun := time.Now()
		l := p.choose()
		pack(c, l)
		rest := begun.Sub(free)
		free = time.Now()
		p.finished(l, c.level, effort{free.Sub(begun), rest})
		p.done(c)
	}
}

// next returns the chunk to pack next, or nil when there are no more.
func (p *packer) next() *parcel {
	select {
	case c := <-p.work:
		return c
	case <-p.stopped:
	}
	select {
	case c := <-p.work:
		return c
	default:
		return nil
	}
}

// choose returns the level for the chunk a worker has just taken.
func (p *packer) choose() level {
	b := p.backlog()
	p.mu.Lock()
	defer p.mu.Unlock()
	b.rested = p.effort.rested()
	return p.governor.choose(b)
}

// finished takes note of a chunk for which l was chosen and that got used. One
// that could not be compressed tells nothing about the level.
func (p *packer) finished(l, used level, e effort) {
	b := p.backlog()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.effort.add(e)
	b.rested = p.effort.rested()
	if l == used && l != levelRaw {
		p.governor.compressed(l, b)
	}
}

func (p *packer) backlog() backlog {
	b := p.around()
	b.behind = len(p.work)
	return b
}
