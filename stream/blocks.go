package stream

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// The sizes of blocks are the powers of two from the smallest to a chunk's.
const (
	smallestBlock = 16 << 10 // bytes
	blockSizes    = 7        // 16 KiB … maxChunk
)

// blocks lends the memory that chunks lie in, on both ends of every session of
// an endpoint, and counts what is out. What is given back serves again until
// the collector takes it. Safe for concurrent use; the zero value is ready.
type blocks struct {
	free [blockSizes]sync.Pool // of *[]byte
	out  atomic.Int64          // bytes lent
	most atomic.Int64          // bytes lent at a time
}

// get returns an empty slice with room for n bytes, at most maxChunk.
func (b *blocks) get(n int) []byte {
	class := blockClass(n)
	out := b.out.Add(blockSize(class))
	for most := b.most.Load(); out > most && !b.most.CompareAndSwap(most, out); most = b.most.Load() {
	}
	if p, ok := b.free[class].Get().(*[]byte); ok {
		return (*p)[:0]
	}
	return make([]byte, 0, blockSize(class))
}

// put takes back what get returned. It must not be used afterwards; nil is
// nothing.
func (b *blocks) put(block []byte) {
	if block == nil {
		return
	}
	block = block[:0]
	class := blockClass(cap(block))
	b.out.Add(-blockSize(class))
	b.free[class].Put(&block)
}

func blockSize(class int) int64 { return smallestBlock << class }

// blockClass is the smallest block that holds n bytes.
func blockClass(n int) int {
	return bits.Len(uint(max(n, smallestBlock)-1) / smallestBlock)
}
