package btrfs

import (
	"context"
	"strings"
)

// Estimate predicts how many bytes Send will write for r; Clones and From do not
// count. It reads the tree of the snapshot and makes no stream: of a full one all
// of it, in some 10 % of the time of a send of small files, of an increment only the
// leaves that were written since the parent.
//
// A full stream of plain data comes true within 1 %, one of compressed extents
// within 2 %. An increment brings what it says in new data and new files, but
// what the tree of the snapshot does not show is not counted: what was removed or
// renamed, holes that version 1 writes out, attributes of files that were there.
// That costs the receiver no space but the holes. An extent that is shared is
// counted once (of more than 262144, some again); where the kernel gives up to clone one, of more than 1024 files,
// it brings it again.
//
// Errors are those of Send, and it needs CAP_SYS_ADMIN as that does.
func (p *Pool) Estimate(ctx context.Context, r SendRequest) (int64, error) {
	n, err := p.estimate(ctx, r)
	return n, fail("estimate", r.Snapshot.String(), err)
}

func (p *Pool) estimate(ctx context.Context, r SendRequest) (int64, error) {
	s, err := p.resolve(r)
	if err != nil {
		return 0, err
	}
	defer s.snapshot.Close() //nolint:errcheck // opened for reading
	if s.isFull() {
		return p.estimateFull(ctx, s)
	}
	v, err := p.foresee(ctx, s)
	if err != nil {
		return 0, err
	}
	return v.bytes, nil
}

func (p *Pool) estimateFull(ctx context.Context, s sending) (int64, error) {
	t := newTally(s)
	for it, err := range searchSince(p.dir, s.sub.ID, t.since, key{id: rootInode}, key{id: lastFreeID}) {
		if err != nil {
			return 0, err
		}
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		t.add(it)
	}
	return t.total(func(dir uint64) int64 { return p.depth(s.sub.ID, dir) }), nil
}

// depth is the length of the path of a directory in a subvolume, with a slash
// behind it, and a likely one if it cannot be told.
func (p *Pool) depth(tree, dir uint64) int64 {
	if dir == rootInode {
		return 0
	}
	at, err := lookupDir(p.dir, inode{tree, dir})
	if err != nil || at.path == "" || strings.HasPrefix(at.path, "/") {
		return likelyPath
	}
	return int64(len(at.path)) + 1
}
