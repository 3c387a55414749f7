package stream

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

func TestChunksSurviveEveryChangeOfLevel(t *testing.T) {
	const lanes, workers = 3, 4
	want := slices.Concat(randomBytes(3*maxChunk), bytes.Repeat([]byte("all work and no play\n"), 400_000), randomBytes(17))
	p := newPacker(lanes, workers)
	var group sync.WaitGroup
	for i := range uint64(workers) {
		group.Go(func() {
			enc, _ := codec(t)
			dice := rand.New(rand.NewPCG(1, i))
			p.compress(nil, func(c *parcel, _ level) level { return c.pack(enc, level(dice.IntN(levels))) })
		})
	}
	got := make([][]byte, len(want)/maxChunk+1)
	for range lanes {
		group.Go(func() {
			_, dec := codec(t)
			next := uint64(0)
			for c, ok := p.take(nil); ok; c, ok = p.take(nil) {
				raw, err := unpack(dec, make([]byte, maxChunk), c.header, c.payload)
				if err != nil || c.header.number < next {
					t.Errorf("chunk %d after %d on a lane: %v", c.header.number, next, err)
				}
				next = c.header.number
				got[next] = raw
				p.free <- c
			}
		})
	}
	p.write(nil, want)
	p.close()
	group.Wait()
	if !bytes.Equal(slices.Concat(got...), want) {
		t.Error("the stream has changed")
	}
	if n := p.chunks(); n.Raw+n.Fastest+n.Default != int64(len(got)) || n.Raw < 3 || n.Fastest+n.Default == 0 {
		t.Errorf("%d chunks are counted as %+v", len(got), n)
	}
}

// A parcel is 2 MiB, so the number of them is the memory of a session.
func TestPackerHoldsNoMoreThanItsParcels(t *testing.T) {
	for _, size := range []struct{ lanes, workers int }{{1, 1}, {2, 2}, {16, 8}} {
		synctest.Test(t, func(t *testing.T) {
			p, done := newPacker(size.lanes, size.workers), make(chan struct{})
			seen := make(map[*parcel]bool)
			var mu sync.Mutex
			var group sync.WaitGroup
			for range size.workers {
				group.Go(func() {
					p.compress(done, func(c *parcel, l level) level {
						mu.Lock()
						defer mu.Unlock()
						seen[c] = true
						return l
					})
				})
			}
			var taken int
			group.Go(func() { taken = p.write(done, make([]byte, 100*maxChunk)) })
			synctest.Wait()
			for range size.lanes { // lanes that take one each and then hang
				p.take(done)
			}
			synctest.Wait()
			close(done)
			group.Wait()
			if limit := size.lanes + size.workers + slack; taken != limit*maxChunk || len(seen) != limit {
				t.Errorf("%+v: took %d chunks into %d parcels, want %d", size, taken/maxChunk, len(seen), limit)
			}
		})
	}
}
