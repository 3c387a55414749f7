package btrfs

import (
	"context"
	"io"
	"iter"
	"math"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

// relay passes the stream on and reads the files of the snapshot ahead of it
// meanwhile.
//
// SEND is one thread that reads what it sends piece by piece and waits for each:
// a disk that it is alone with never has two requests, and files of one block
// cost a sleep each. Its reads go through the page cache of the snapshot, where
// nobody else's do, so that it finds nothing there but what was put there for it.
func (s sending) relay(ctx context.Context, w io.Writer, r io.Reader, ahead *lookout) (sendstream.Stats, error) {
	p := newPrefetch(s)
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { p.run(ctx, ahead) })
	defer running.Wait()
	defer stop()
	return sendstream.CopyFrom(w, r, sendstream.Limits{Watch: p.sight.watch}, s.from)
}

// prefetch reads ahead of one send, at most a window, and takes out of the page
// cache what the send has read. It goes by the tree, whose order is that of the
// send. Whatever it guesses wrong costs time only: the send reads for itself what
// it does not find.
//
// All of it but sight belongs to the goroutine of run.
type prefetch struct {
	snapshot *os.File
	tree     uint64 // id of snapshot
	since    uint64 // transaction after the parent's; 0: there is none
	encoded  bool   // compressed extents are sent as they are, past the page cache
	sight    *sight

	ahead   window
	at      spot
	known   glimpse // the path of which is that of inode
	inode   uint64
	fetched int
}

func newPrefetch(s sending) *prefetch {
	p := &prefetch{snapshot: s.snapshot, tree: s.sub.ID, encoded: s.flags&sendCompressed != 0, sight: newSight()}
	if s.parent.ID != 0 {
		p.since = max(s.parent.CTransID, s.parent.OTransID) + 1
	}
	return p
}

// run works until ctx ends, or until something fails. It leaves nothing in the
// page cache but what is on its way from the disk then.
func (p *prefetch) run(ctx context.Context, ahead *lookout) {
	defer p.cool(spot{inode: math.MaxUint64})
	v, err := ahead.wait(ctx)
	if err != nil {
		return
	}
	for e := range p.toCome(v) {
		if ctx.Err() != nil || p.fetch(ctx, e) != nil {
			return
		}
	}
	<-ctx.Done() // for the window is in use
}

// toCome yields what the send will read, up to the first failure to find it.
func (p *prefetch) toCome(v *foresight) iter.Seq[dataExtent] {
	return func(yield func(dataExtent) bool) {
		for _, e := range v.extents {
			if !p.passesBy(e) && !yield(e) {
				return
			}
		}
		if !v.more {
			return
		}
		for it, err := range searchSince(p.snapshot, p.tree, p.since, v.rest, key{id: lastFreeID}) {
			if err != nil {
				return
			}
			if e, ok := dataExtentOf(it); ok && e.generation >= p.since && !p.passesBy(e) && !yield(e) {
				return
			}
		}
	}
}

// passesBy reports whether the send reads e past the page cache.
func (p *prefetch) passesBy(e dataExtent) bool { return e.compressed && p.encoded }

// fetch reads an extent once there is room for it, unless the send is past it.
func (p *prefetch) fetch(ctx context.Context, e dataExtent) error {
	const atOnce = 1 << 20
	open := func(inode uint64) (warmFile, error) { return openWarm(p.snapshot, p.tree, inode) }
	for piece := range e.cut(atOnce) {
		if err := p.makeRoom(ctx); err != nil {
			return err
		}
		if p.at.isPast(piece) {
			continue
		}
		f, err := p.ahead.add(piece, open)
		if err != nil {
			return err
		}
		f.warm(piece)
	}
	return nil
}

// makeRoom waits while the window is full, and then until half of it is free.
func (p *prefetch) makeRoom(ctx context.Context) error {
	const rarely = 16 // a look takes about as long as a small file
	if p.fetched++; p.fetched%rarely == 0 {
		p.look()
	}
	for p.ahead.isFull() {
		p.sight.after(p.ahead.bytes / 2) // before the look, or the last of it could pass between
		if p.look(); !p.ahead.isFull() {
			break
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.sight.passed:
			p.look()
		}
	}
	return nil
}

// look finds out where the send is and lets go of what it is done with.
func (p *prefetch) look() {
	if at := p.locate(p.sight.last()); p.at.isBefore(at) {
		p.at = at
		p.cool(at)
	}
}

// locate returns where a send is that was seen like that, and the zero value if
// that cannot be told. The path is one at the receiver, which gets the names of
// the snapshot by and by: where it is not the same, nothing is there.
func (p *prefetch) locate(g glimpse) spot {
	if p.since == 0 || g.path == "" {
		return spot{inode: g.made, offset: g.end}
	}
	if g.path != p.known.path {
		p.known, p.inode = g, inodeOf(p.snapshot, g.path)
	}
	if p.inode == 0 {
		return spot{}
	}
	return spot{inode: p.inode, offset: g.end}
}

// inodeOf returns the inode of a path in dir, 0 if there is none.
func inodeOf(dir *os.File, path string) uint64 {
	f, err := openBeneath(dir, path, unix.O_PATH, 0)
	if err != nil {
		return 0
	}
	defer f.Close() //nolint:errcheck // opened for no more than this
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0
	}
	return st.Ino
}

// cool lets go of all that a send at that spot does not need.
func (p *prefetch) cool(at spot) {
	files, extents := p.ahead.pass(at)
	for _, f := range files {
		f.close()
	}
	for _, e := range extents {
		p.ahead.files[0].cool(e)
	}
}
