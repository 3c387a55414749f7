package stream

import "testing"

func TestBlocksHoldWhatIsAskedForAndServeAgain(t *testing.T) {
	b := new(blocks)
	for _, n := range []int{1, smallestBlock, smallestBlock + 1, 100_000, maxChunk - 1, maxChunk} {
		block := b.get(n)
		if len(block) != 0 || cap(block) < n || cap(block) >= 2*max(n, smallestBlock) || b.out.Load() != int64(cap(block)) {
			t.Errorf("%d bytes: length %d, capacity %d, %d out", n, len(block), cap(block), b.out.Load())
		}
		b.put(block[:n])
		if b.out.Load() != 0 {
			t.Errorf("%d bytes: %d out", n, b.out.Load())
		}
	}
	if b.most.Load() != maxChunk {
		t.Errorf("%d at most", b.most.Load())
	}
}
