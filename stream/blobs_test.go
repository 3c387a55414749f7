package stream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"

	"btrmesh/certs"
)

// blobs is a set of records that takes everything.
type blobs struct {
	mu     sync.Mutex
	set    map[[32]byte][]byte
	merges int
	merge  func(ctx context.Context, raw [][]byte) error // before it takes them; nil: nothing
}

func newBlobs() *blobs { return &blobs{set: make(map[[32]byte][]byte)} }

func (b *blobs) add(raw ...[]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range raw {
		b.set[sha256.Sum256(r)] = r
	}
}

func (b *blobs) Digest() [32]byte {
	var all []byte
	for _, h := range b.Hashes() {
		all = append(all, h[:]...)
	}
	return sha256.Sum256(all)
}

func (b *blobs) Hashes() [][32]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out [][32]byte
	for h := range b.set {
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	return out
}

func (b *blobs) Records(hashes [][32]byte) [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out [][]byte
	for _, h := range hashes {
		if r, ok := b.set[h]; ok {
			out = append(out, r)
		}
	}
	return out
}

func (b *blobs) Merge(ctx context.Context, _ certs.ID, raw [][]byte) error {
	if b.merge != nil {
		if err := b.merge(ctx, raw); err != nil {
			return err
		}
	}
	b.add(raw...)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.merges++
	return nil
}

// fill adds n records of size bytes each, different from those of other seeds.
func (b *blobs) fill(seed, n, size int) {
	for i := range n {
		r := make([]byte, size)
		binary.BigEndian.PutUint32(r, uint32(seed))
		binary.BigEndian.PutUint32(r[4:], uint32(i))
		b.add(r)
	}
}
