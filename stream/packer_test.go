package stream

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// testFeed is a feed with one session, without a network.
func testFeed(tb testing.TB, workers int) (*Feed, *queue) {
	tb.Helper()
	f := newFeed(slog.New(slog.DiscardHandler), newMark(), workers)
	q := newQueue(reach(usualLanes, 0), func(err error) { tb.Error(err) })
	if err := f.follow(q); err != nil {
		tb.Fatal(err)
	}
	return f, q
}

// deliver sends what lane serial of q gets, until all is confirmed: the target
// takes each chunk at once, in the order of all.
func (q *queue) deliver(group *sync.WaitGroup, lanes int, send func(*parcel)) {
	stop, taken := make(chan struct{}), &taking{}
	for serial := range uint32(lanes) {
		q.join(serial)
		group.Go(func() {
			for p := q.take(serial, stop); p != nil; p = q.take(serial, stop) {
				n := p.header.number
				send(p)
				p.release()
				taken.confirm(q, n)
			}
		})
	}
	group.Go(func() {
		for {
			to, closed, _, changed := q.handed()
			if closed && taken.upTo() == to.chunks {
				close(stop)
				return
			}
			<-changed
		}
	})
}

// taking is a target.
type taking struct {
	mu   sync.Mutex
	next uint64
	came map[uint64]bool
}

func (t *taking) upTo() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.next
}

func (t *taking) confirm(q *queue, n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.came == nil {
		t.came = make(map[uint64]bool)
	}
	for t.came[n] = true; t.came[t.next]; t.next++ {
		delete(t.came, t.next)
	}
	p := progress{Chunks: t.next}
	for m := range t.came {
		p.Beyond |= 1 << (m - t.next)
	}
	if err := q.ack(p); err != nil {
		panic(err)
	}
}

func TestChunksSurviveEveryChangeOfLevel(t *testing.T) {
	const lanes, workers = 3, 4
	want := slices.Concat(randomBytes(3*maxChunk), bytes.Repeat([]byte("all work and no play\n"), 400_000), randomBytes(17))
	f, q := testFeed(t, workers)
	seed := uint64(0)
	f.packer.start(func() packing {
		enc, _ := codec(t)
		seed++
		dice := rand.New(rand.NewPCG(1, seed))
		return func(c *parcel, _ level) { c.pack(enc, level(dice.IntN(levels))) }
	})
	got := make([][]byte, len(want)/maxChunk+1)
	var group sync.WaitGroup
	var mu sync.Mutex
	q.deliver(&group, lanes, func(p *parcel) {
		mu.Lock()
		defer mu.Unlock()
		_, dec := codec(t)
		raw, err := unpack(dec, make([]byte, maxChunk), p.header, p.block)
		if err != nil {
			t.Errorf("chunk %d: %v", p.header.number, err)
		}
		got[p.header.number] = raw
	})
	if _, err := f.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := f.End(); err != nil {
		t.Fatal(err)
	}
	group.Wait()
	if !bytes.Equal(slices.Concat(got...), want) {
		t.Error("the stream has changed")
	}
	if n := q.chunks(); n.Raw+n.Fastest+n.Default != int64(len(got)) || n.Raw < 3 || n.Fastest+n.Default == 0 {
		t.Errorf("%d chunks are counted as %+v", len(got), n)
	}
	if out := f.blocks.out.Load(); out != 0 {
		t.Errorf("%d bytes are not given back", out)
	}
}

// What a run keeps at its source is what may be sent, and what is made ready
// meanwhile.
func TestFeedKeepsNoMoreThanWindowAndSlack(t *testing.T) {
	for _, size := range []struct{ lanes, workers int }{{1, 1}, {2, 2}, {16, 8}} {
		synctest.Test(t, func(t *testing.T) {
			f, q := testFeed(t, size.workers)
			f.packer.start(func() packing { return func(*parcel, level) {} })
			q.setReach(reach(size.lanes, 0))
			var group sync.WaitGroup
			stop := make(chan struct{})
			for serial := range uint32(size.lanes) { // they send, but the target confirms nothing
				q.join(serial)
				group.Go(func() {
					for p := q.take(serial, stop); p != nil; p = q.take(serial, stop) {
						p.release()
					}
				})
			}
			var taken int
			group.Go(func() { taken, _ = f.Write(make([]byte, 100*maxChunk)) })
			synctest.Wait()
			close(stop)
			f.leave(q)
			group.Wait()
			f.Abort(ErrClosed)
			limit := reach(size.lanes, 0) + size.workers + slack
			if taken != limit*maxChunk || f.blocks.most.Load() != int64(limit)*maxChunk {
				t.Errorf("%+v: took %d chunks and %d bytes of memory, want %d chunks",
					size, taken/maxChunk, f.blocks.most.Load(), limit)
			}
			q.discard()
			if out := f.blocks.out.Load(); out != 0 {
				t.Errorf("%d bytes are not given back", out)
			}
		})
	}
}
