package btrfs

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Generation writes out what is dirty and returns the transaction of the last
// change to the share: its data, names, attributes or times. A snapshot of it
// with OTransID >= Generation holds all there is. Taking snapshots is no change,
// whoever takes them. Reads are changes where the file system keeps access
// times; a balance or a defragmentation may pass for one.
//
// Neither number that the kernel keeps will do alone: what it calls generation
// counts snapshots too, and ctransid misses what the log brought back at the
// mount after a power cut. Between the two, the newest leaf of the tree decides.
func (p *Pool) Generation(ctx context.Context, share Share) (uint64, error) {
	g, err := p.generation(ctx, share)
	return g, fail("read generation", share.Name, err)
}

func (p *Pool) generation(ctx context.Context, share Share) (uint64, error) {
	dir, err := p.openKnown(share.ID, share.UUID)
	if err != nil {
		return 0, err
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if err := SyncFS(dir); err != nil {
		return 0, err
	}
	info, err := Info(dir)
	if err != nil || info.CTransID >= info.Generation {
		return info.CTransID, err
	}
	newest, err := newestLeaf(p.dir, info)
	if err != nil || newest == info.CTransID {
		return newest, err
	}
	same, err := p.sameAsSnapshot(ctx, info)
	if same {
		newest = info.CTransID
	}
	return newest, err
}

// lastKey returns the last key there can be; the first is the zero key.
func lastKey() key { return key{math.MaxUint64, math.MaxUint8, math.MaxUint64} }

// newestLeaf returns the transaction that wrote the newest leaf of a subvolume,
// at least s.CTransID. A snapshot rewrites the root of the tree only, which is a
// leaf in a tree of one block. When a great many leaves are new, as after a
// balance, it returns s.Generation, which is never too low.
func newestLeaf(fs *os.File, s Subvolume) (uint64, error) {
	const enough = 100_000
	newest, seen := s.CTransID, 0
	for it, err := range searchSince(fs, s.ID, newest+1, key{}, lastKey()) {
		if err != nil {
			return 0, err
		}
		newest = max(newest, it.transID)
		if seen++; seen > enough || newest >= s.Generation {
			return s.Generation, nil
		}
	}
	return newest, nil
}

// sameAsSnapshot reports whether the tree of s is small and equal to that of
// the first snapshot taken of it since its ctransid.
func (p *Pool) sameAsSnapshot(ctx context.Context, s Subvolume) (bool, error) {
	all, err := readForest(ctx, p.dir)
	if err != nil {
		return false, err
	}
	oldest := all.oldestSnapshot(s)
	if oldest == nil {
		return false, nil
	}
	ours, err := smallTree(p.dir, s.ID)
	if err != nil || ours == nil {
		return false, err
	}
	theirs, err := smallTree(p.dir, oldest.ID)
	if errors.Is(err, unix.ENOENT) { // deleted since it was listed
		return false, nil
	}
	return slices.Equal(ours, theirs), err
}

// oldestSnapshot is nil when there is no snapshot of s as it last was.
func (f forest) oldestSnapshot(s Subvolume) *tree {
	var oldest *tree
	for _, t := range f {
		if t.linked && t.ParentUUID == s.UUID && t.ReadOnly && t.OTransID >= s.CTransID && (oldest == nil || t.OTransID < oldest.OTransID) {
			oldest = t
		}
	}
	return oldest
}

// leafItem is an item with its data as text, to be compared.
type leafItem struct {
	key
	data string
}

// smallTree returns all items of a tree that fits into one leaf of the largest
// size, and nil for a larger one.
func smallTree(fs *os.File, id uint64) ([]leafItem, error) {
	const leaf = 64 << 10
	items, size := []leafItem{}, 0
	for it, err := range search(fs, id, key{}, lastKey()) {
		if err != nil {
			return nil, err
		}
		if size += len(it.data); size > leaf {
			return nil, nil
		}
		items = append(items, leafItem{it.key, string(it.data)})
	}
	return items, nil
}
