package btrfs

import (
	"context"
	"sync"
)

// foresight is what a walk finds over the leaves of an increment that its parent
// does not share. Its estimate and its send, one soon after or beside the other,
// need the same walk, which takes about as long as the kernel takes to send 1 MiB
// of small files.
type foresight struct {
	done chan struct{} // closed when the walk is over: the rest is valid then
	err  error

	bytes   int64 // of the stream, estimated
	cut     bool  // see tailCheck
	extents []dataExtent
	more    bool // extents are not all, but those before rest
	rest    key
}

// maxForeseen bounds the extents of a foresight, which take 768 KiB.
const maxForeseen = 16 << 10

// walk finds it all out.
func (v *foresight) walk(ctx context.Context, p *Pool, s sending) error {
	info, err := readFSInfo(p.dir)
	if err != nil {
		return err
	}
	t := newTally(s)
	tail := tailCheck{fs: p.dir, tree: s.sub.ID, sector: uint64(info.sectorSize)}
	for it, err := range searchSince(p.dir, s.sub.ID, s.firstLeaf(t.since), key{id: rootInode}, key{id: lastFreeID}) {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		t.add(it)
		v.keep(it, t.since)
		if !t.cut {
			if t.cut, err = tail.cutAt(it); err != nil {
				return err
			}
		}
	}
	v.bytes, v.cut = t.total(func(dir uint64) int64 { return p.depth(s.sub.ID, dir) }), t.cut
	return nil
}

// keep keeps an extent that the send will read.
func (v *foresight) keep(it item, since uint64) {
	if v.more {
		return
	}
	e, ok := dataExtentOf(it)
	switch {
	case !ok || e.generation < since:
	case len(v.extents) == maxForeseen:
		v.more, v.rest = true, it.key
	default:
		v.extents = append(v.extents, e)
	}
}

// firstLeaf is the transaction of the first leaves to look at. To tell whether
// tails are cut takes all that the parent may not have.
func (s sending) firstLeaf(since uint64) uint64 {
	if s.flags&sendCompressed == 0 {
		return since
	}
	return min(since, firstOwnLeaf(s.sub, s.parent))
}

// foresights are those of the increments that are about to be sent. It is safe for
// concurrent use. The zero value is empty.
type foresights struct {
	mu sync.Mutex
	of map[foresightKey]*foresight
}

// foresightKey is all that a foresight depends on. Whatever changes a subvolume moves
// its transaction on.
type foresightKey struct {
	snapshot, snapshotTrans uint64
	parent, parentTrans     uint64
	flags                   uint64
	version                 uint32
}

func (s sending) foresightKey() foresightKey {
	return foresightKey{s.sub.ID, s.sub.CTransID, s.parent.ID, s.parent.CTransID, s.flags, s.version}
}

// maxForesights bounds how many are kept for a send that may come.
const maxForesights = 4

// join returns the foresight k. It is the caller's to carry out if it is new.
func (a *foresights) join(k foresightKey) (v *foresight, isNew bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if v := a.of[k]; v != nil {
		return v, false
	}
	if a.of == nil || len(a.of) >= maxForesights {
		a.of = map[foresightKey]*foresight{}
	}
	v = &foresight{done: make(chan struct{})}
	a.of[k] = v
	return v, true
}

// end tells those that wait for v.
func (a *foresights) end(k foresightKey, v *foresight, err error) {
	if v.err = err; err != nil {
		a.forget(k, v)
	}
	close(v.done)
}

// forget makes the next one that asks look again.
func (a *foresights) forget(k foresightKey, v *foresight) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of[k] == v {
		delete(a.of, k)
	}
}

// foresee returns what is known of an increment, or finds it out. Where somebody
// else does, it waits, and looks for itself if the other one fails.
func (p *Pool) foresee(ctx context.Context, s sending) (*foresight, error) {
	for k := s.foresightKey(); ; {
		v, isNew := p.foresights.join(k)
		if isNew {
			p.foresights.end(k, v, v.walk(ctx, p, s))
			return v, v.err
		}
		select {
		case <-v.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if v.err == nil {
			return v, nil
		}
	}
}

// lookout is a foresight that is waited for beside the send.
type lookout struct {
	stop context.CancelFunc
	done chan struct{} // closed when the rest is valid
	seen *foresight
	err  error
}

// lookOut begins one. The caller ends it.
func (p *Pool) lookOut(ctx context.Context, s sending) *lookout {
	ctx, stop := context.WithCancel(ctx)
	l := &lookout{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.seen, l.err = p.foresee(ctx, s)
	}()
	return l
}

// end gives it up if it goes on, and its memory if not: it was for this
// send.
func (l *lookout) end(p *Pool, s sending) {
	l.stop()
	if <-l.done; l.err == nil {
		p.foresights.forget(s.foresightKey(), l.seen)
	}
}

// wait returns it, or the end of ctx.
func (l *lookout) wait(ctx context.Context) (*foresight, error) {
	select {
	case <-l.done:
		return l.seen, l.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
