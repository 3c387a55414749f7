package btrfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reader reads what is missing in batches, all that it can of one at once. It
// reads past the page cache where that can be: nobody else reads the files of a
// snapshot, and what it holds of them is of no use again. What is compressed can
// be read as content through the page cache only, and is taken out of it again.
// It is not safe for concurrent use.
type reader struct {
	fs     *os.File
	tree   uint64
	sector int

	files []readFile // open, in the order of use
	aio   *aio       // nil: the system has no more of these
	reads []read     // under way
	buf   []byte     // for them, aligned
}

// readFile is an open file.
type readFile struct {
	fd     int
	ino    uint64
	packed bool // it was opened to read through the page cache
	cached bool // it was read so
}

// read is a read past the page cache for gaps that follow each other in a file.
type read struct {
	fd     int
	gaps   []gap
	buf    []byte // whole sectors
	length int    // of the gaps together
	have   int    // bytes that were read
	err    error
}

// readAtOnce bounds a read, in bytes.
const readAtOnce = 1 << 20

func newReader(fs *os.File, tree uint64, sector int) *reader {
	a, err := newAIO(batchGaps)
	if err != nil {
		a = nil // one after the other, then
	}
	return &reader{fs: fs, tree: tree, sector: sector, aio: a}
}

// close must be called once.
func (r *reader) close() {
	r.closeFiles(0)
	if r.aio != nil {
		r.aio.close()
	}
}

// fill reads all that is missing.
func (r *reader) fill(b *batch) error {
	defer r.closeFiles(1)
	if err := r.start(b.gaps); err != nil {
		return errors.Join(err, r.wait())
	}
	for _, g := range b.gaps {
		if !g.packed {
			continue
		}
		if err := r.readPacked(g, b.piece); err != nil {
			return errors.Join(err, r.wait())
		}
	}
	if err := r.wait(); err != nil {
		return err
	}
	for i := range r.reads {
		if err := r.reads[i].finish(b.piece); err != nil {
			return fmt.Errorf("%q: %w", r.reads[i].gaps[0].path, err)
		}
	}
	for _, g := range b.gaps {
		g.room.Seal(b.piece)
	}
	return nil
}

// start begins the reads past the page cache.
func (r *reader) start(gaps []gap) error {
	r.reads = r.reads[:0]
	total := 0
	for rest := gaps; len(rest) > 0; {
		n, length := neighbours(rest)
		if !rest[0].packed {
			f, err := r.open(rest[0])
			if err != nil {
				return err
			}
			r.reads = append(r.reads, read{fd: f.fd, gaps: rest[:n], length: length})
			total += r.sectors(length)
		}
		rest = rest[n:]
	}
	if len(r.buf) < total {
		r.buf = aligned(total, r.sector)
	}
	buf := r.buf
	for i := range r.reads {
		n := r.sectors(r.reads[i].length)
		r.reads[i].buf, buf = buf[:n:n], buf[n:]
	}
	return r.submit()
}

func (r *reader) submit() error {
	if r.aio == nil || len(r.reads) == 0 {
		return nil
	}
	for i := range r.reads {
		r.aio.add(r.reads[i].fd, r.reads[i].buf, r.reads[i].gaps[0].offset)
	}
	return r.aio.start()
}

func (r *reader) sectors(length int) int { return (length + r.sector - 1) / r.sector * r.sector }

// aligned returns memory at a multiple of a power of two, all of it present: the
// kernel does not read into other pages past the page cache.
func aligned(size, to int) []byte {
	raw := make([]byte, size+to)
	for at := 0; at < len(raw); at += 4096 {
		raw[at] = 1
	}
	skip := int(-uintptr(unsafe.Pointer(&raw[0])) & uintptr(to-1))
	return raw[skip : skip+size]
}

// neighbours returns how many gaps, at least one, can be filled by one read, and
// how many bytes that are.
func neighbours(gaps []gap) (n, length int) {
	first := gaps[0]
	for n, length = 1, first.length; n < len(gaps) && !first.packed; n++ {
		g := gaps[n]
		follows := g.ino == first.ino && !g.packed && g.offset == first.offset+int64(length)
		if !follows || length+g.length > readAtOnce {
			break
		}
		length += g.length
	}
	return n, length
}

// wait waits for all reads.
func (r *reader) wait() error {
	if r.aio == nil {
		return nil
	}
	return r.aio.wait(len(r.aio.blocks), func(i int, res int64) {
		if res < 0 {
			r.reads[i].err = unix.Errno(-res)
			return
		}
		r.reads[i].have = int(res)
	})
}

// finish reads what is missing still and puts all where it is to go.
func (d *read) finish(piece []byte) error {
	if d.err != nil {
		return fmt.Errorf("read at byte %d: %w", d.gaps[0].offset, d.err)
	}
	if err := readFull(d.fd, d.buf, d.have, d.length, d.gaps[0].offset); err != nil {
		return err
	}
	at := 0
	for _, g := range d.gaps {
		at += copy(g.room.In(piece), d.buf[at:])
	}
	return nil
}

// readFull reads into buf from byte have on until it holds length bytes.
func readFull(fd int, buf []byte, have, length int, offset int64) error {
	for have < length {
		n, err := unix.Pread(fd, buf[have:], offset+int64(have))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("read at byte %d: %w", offset+int64(have), err)
		case n == 0:
			return fmt.Errorf("read at byte %d: %w", offset+int64(have), io.ErrUnexpectedEOF)
		}
		have += n
	}
	return nil
}

// readPacked reads what is compressed.
func (r *reader) readPacked(g gap, piece []byte) error {
	f, err := r.open(g)
	if err != nil {
		return err
	}
	room := g.room.In(piece)
	if g.encoded.stored > 0 {
		err = readEncoded(f.fd, room, g.reading)
	} else {
		f.cached = true
		err = readFull(f.fd, room, 0, len(room), g.offset)
	}
	if err != nil {
		return fmt.Errorf("%q: %w", g.path, err)
	}
	return nil
}

// open opens a file unless it was one of the last two: what is compressed in it is
// read by a file of its own. The result is valid until the next call.
func (r *reader) open(g gap) (*readFile, error) {
	for i := max(0, len(r.files)-2); i < len(r.files); i++ {
		if f := &r.files[i]; f.ino == g.ino && f.packed == g.packed {
			return f, nil
		}
	}
	flags := unix.O_RDONLY
	if !g.packed {
		flags |= unix.O_DIRECT
	}
	fd, err := openInode(r.fs, r.tree, g.ino, flags)
	if err != nil {
		return nil, fmt.Errorf("%q: open: %w", g.path, err)
	}
	r.files = append(r.files, readFile{fd: fd, ino: g.ino, packed: g.packed})
	return &r.files[len(r.files)-1], nil
}

// closeFiles closes all but the last few, of which there may be more to read.
func (r *reader) closeFiles(but int) {
	n := max(0, len(r.files)-but)
	for _, f := range r.files[:n] {
		if f.cached {
			_ = unix.Fadvise(f.fd, 0, 0, unix.FADV_DONTNEED)
		}
		_ = unix.Close(f.fd) // opened for reading
	}
	r.files = append(r.files[:0], r.files[n:]...)
}
