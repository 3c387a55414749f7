package gossip

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"btrmesh/certs"
)

// records is a plain union.
type records struct {
	node *node

	mu      sync.Mutex
	raw     map[string]time.Time // since when
	digest  [32]byte
	slow    time.Duration // the next Merge
	refused string
}

// Digest implements Records.
func (r *records) Digest() [32]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.digest
}

// Merge implements Records.
func (r *records) Merge(_ context.Context, _ certs.ID, raw [][]byte) error {
	time.Sleep(r.takeBlock())
	var fresh [][]byte
	for _, b := range raw {
		if r.add(string(b)) {
			fresh = append(fresh, b)
		}
	}
	if len(fresh) > 0 {
		r.node.g.Broadcast(fresh)
	}
	return nil
}

func (r *records) add(b string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.raw[b]; ok || b == r.refused {
		return false
	}
	r.raw[b] = time.Now()
	for i, x := range sha256.Sum256([]byte(b)) {
		r.digest[i] ^= x
	}
	return true
}

// Sync implements Records: a union of both sides.
func (r *records) Sync(ctx context.Context, with certs.ID) error {
	d, ok := r.node.sim.way(r.node.id, with)
	peer := r.node.sim.at(with)
	if !ok || peer == nil {
		return errCut
	}
	time.Sleep(4 * d)
	ours, theirs := r.list(), peer.records.list()
	return errors.Join(r.Merge(ctx, with, theirs), peer.records.Merge(ctx, r.node.id, ours))
}

func (r *records) list() (out [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for b := range r.raw {
		out = append(out, []byte(b))
	}
	return out
}

func (r *records) has(b string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.raw[b]
	return ok
}

// refuse makes b one that is never taken.
func (r *records) refuse(b string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused = b
}

// block makes Merge wait, once.
func (r *records) block(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slow = d
}

func (r *records) takeBlock() (d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d, r.slow = r.slow, 0
	return d
}
