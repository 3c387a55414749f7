package btrfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"unsafe"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

// full makes a full stream. There is nothing to compare then, so it takes no
// SEND, which looks up each path and each extent: the tree is read once to see
// which extents are shared, and once to make commands of it, while several
// readers read the content.
type full struct {
	sending
	fs     *os.File
	form   fullForm
	name   string // of the snapshot
	stream *sendstream.Composer
}

func (s sending) isFull() bool { return s.parent.ID == 0 && len(s.clones) == 0 }

// sendFull writes the full stream of s.
func (p *Pool) sendFull(ctx context.Context, w io.Writer, s sending) (stats sendstream.Stats, err error) {
	held, err := s.pinned(ctx)
	if err != nil {
		return sendstream.Stats{}, err
	}
	defer func() { err = errors.Join(err, held.release()) }()
	if s.sub, err = Info(s.snapshot); err != nil { // what was in memory still counts
		return sendstream.Stats{}, err
	}
	f, err := newFull(p.dir, s)
	if err != nil {
		return sendstream.Stats{}, err
	}
	twice, err := f.findShared(ctx)
	if err != nil {
		return sendstream.Stats{}, err
	}
	err = f.run(ctx, w, twice)
	return f.stream.Stats(), err
}

func newFull(fs *os.File, s sending) (*full, error) {
	info, err := readFSInfo(fs)
	if err != nil {
		return nil, err
	}
	name, err := subvolumeName(s.snapshot)
	if err != nil {
		return nil, err
	}
	f := &full{sending: s, fs: fs, name: name, stream: sendstream.NewComposer(s.version, s.from)}
	f.form = fullForm{
		uuid: s.sub.ReceivedUUID, ctransid: s.sub.CTransID, version: s.version,
		packed: s.flags&sendCompressed != 0, sector: uint64(info.sectorSize), settled: info.generation,
	}
	if f.form.uuid.IsZero() {
		f.form.uuid = s.sub.UUID
	}
	return f, nil
}

// subvolumeName is the name of the directory entry of the subvolume dir.
func subvolumeName(dir *os.File) (string, error) {
	var info subvolInfo
	if err := ioctl(dir, iocGetSubvolInfo, unsafe.Pointer(&info)); err != nil {
		return "", failIoctl("inspect subvolume", dir.Name(), err)
	}
	return unix.ByteSliceToString(info.name[:]), nil
}

// findShared finds which extents may come more than once.
func (f *full) findShared(ctx context.Context) (seenTwice, error) {
	var s seenTwice
	err := f.eachItem(ctx, func(it item) error {
		if e, ok := fileExtentOf(it); ok && e.kind == extentRegular && e.disk != 0 {
			s.add(e)
		}
		return nil
	})
	return s, err
}

func (f *full) eachItem(ctx context.Context, do func(item) error) error {
	for it, err := range search(f.fs, f.sub.ID, key{id: rootInode}, key{id: lastFreeID}) {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := do(it); err != nil {
			return err
		}
	}
	return nil
}

const (
	fullReaders = 4
	fullBatches = 16 // that are there, some 4 MiB
)

// fullPipe is how batches go round: from the tree to the readers and, in their order,
// to the writer, and back.
type fullPipe struct {
	toRead, toWrite, empty chan *batch
}

func (f *full) run(ctx context.Context, w io.Writer, twice seenTwice) error {
	p := fullPipe{make(chan *batch, fullBatches), make(chan *batch, fullBatches), make(chan *batch, fullBatches)}
	for range fullBatches {
		p.empty <- &batch{done: make(chan error, 1)}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(p.toRead)
		defer close(p.toWrite)
		return f.compose(ctx, p, twice)
	})
	for range fullReaders {
		g.Go(func() error { f.read(p); return nil })
	}
	g.Go(func() error { return p.write(ctx, w) })
	if err := g.Wait(); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	return f.end(w)
}

// compose makes the batches, but for the end command.
func (f *full) compose(ctx context.Context, p fullPipe, twice seenTwice) error {
	out := &batcher{composer: f.stream, now: <-p.empty}
	out.next = func(b *batch) (*batch, error) { return p.pass(ctx, b, f.stream) }
	t := newFullTree(f.form, twice, &treeCatalog{fs: f.fs, tree: f.sub.ID}, out)
	if err := t.begin(f.name); err != nil {
		return err
	}
	if err := f.eachItem(ctx, t.add); err != nil {
		return err
	}
	if err := t.end(); err != nil {
		return err
	}
	return out.pass()
}

// pass sends a batch on and returns an empty one.
func (p fullPipe) pass(ctx context.Context, b *batch, stream *sendstream.Composer) (*batch, error) {
	select {
	case next := <-p.empty:
		b.piece = stream.Take(next.piece)
		p.toRead <- b // room for all there are
		p.toWrite <- b
		next.piece, next.gaps = nil, next.gaps[:0]
		return next, nil
	case <-ctx.Done():
		return b, context.Cause(ctx)
	}
}

// read fills batches until there are no more.
func (f *full) read(p fullPipe) {
	r := newReader(f.fs, f.sub.ID, int(f.form.sector))
	defer r.close()
	for b := range p.toRead {
		b.done <- r.fill(b)
	}
}

// write writes the batches in their order. The first that could not be filled
// ends it.
func (p fullPipe) write(ctx context.Context, w io.Writer) error {
	for b := range p.toWrite {
		if err := <-b.done; err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := write(w, b.piece); err != nil {
			return err
		}
		p.empty <- b
	}
	return nil
}

func write(w io.Writer, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	n, err := w.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("write send stream: %w", err)
	}
	return nil
}

// check makes sure that the snapshot is what it was at the beginning.
func (f *full) check() error {
	now, err := Info(f.snapshot)
	if err != nil {
		return err
	}
	if !now.ReadOnly {
		return fmt.Errorf("%w: %s", ErrNotReadOnly, path.Base(f.snapshot.Name()))
	}
	if now.UUID != f.sub.UUID || now.CTransID != f.sub.CTransID {
		return fmt.Errorf("%s changed while it was sent", path.Base(f.snapshot.Name()))
	}
	return nil
}

func (f *full) end(w io.Writer) error {
	if err := f.stream.Add(&sendstream.Command{Type: sendstream.CmdEnd}); err != nil {
		return err
	}
	return write(w, f.stream.Take(nil))
}
