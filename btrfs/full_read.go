package btrfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reader reads what is missing in batches. It reads past the page cache where
// that can be: nobody else reads the files of a snapshot, and what it holds of
// them is of no use again. What is compressed can be read through the page cache
// only, and is taken out of it again. It is not safe for concurrent use.
type reader struct {
	fs   *os.File
	tree uint64

	fd     int // -1: none is open
	ino    uint64
	packed bool   // it was opened to read through the page cache
	buf    []byte // for whole sectors, aligned
	sector int
}

// readAtOnce is how much of a file is read at once, in bytes.
const readAtOnce = 1 << 20

func newReader(fs *os.File, tree uint64, sector int) *reader {
	r := &reader{fs: fs, tree: tree, fd: -1, sector: sector}
	raw := make([]byte, readAtOnce+2*sector)
	skip := -uintptr(unsafe.Pointer(&raw[0])) & uintptr(sector-1)
	r.buf = raw[skip : skip+uintptr(readAtOnce+sector)]
	return r
}

// fill reads all that is missing.
func (r *reader) fill(b *batch) error {
	for rest := b.gaps; len(rest) > 0; {
		n := neighbours(rest)
		if err := r.fillNext(b.piece, rest[:n]); err != nil {
			return fmt.Errorf("%q: %w", rest[0].path, err)
		}
		for _, g := range rest[:n] {
			g.room.Seal(b.piece)
		}
		rest = rest[n:]
	}
	return nil
}

// neighbours returns how many gaps, at least one, can be filled by one read.
func neighbours(gaps []gap) int {
	first := gaps[0]
	end, n := first.offset+int64(first.length), 1
	if first.packed {
		return n
	}
	for ; n < len(gaps); n++ {
		g := gaps[n]
		if g.ino != first.ino || g.packed || g.offset != end || end+int64(g.length)-first.offset > readAtOnce {
			break
		}
		end += int64(g.length)
	}
	return n
}

func (r *reader) fillNext(piece []byte, gaps []gap) error {
	first := gaps[0]
	if err := r.open(first.ino, first.packed); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	switch {
	case first.encoded.stored > 0:
		return r.readEncoded(first.room.In(piece), first.reading)
	case first.packed:
		return r.readFull(first.room.In(piece), first.length, first.offset)
	}
	length := 0
	for _, g := range gaps {
		length += g.length
	}
	sectors := (length + r.sector - 1) / r.sector * r.sector
	if err := r.readFull(r.buf[:sectors], length, first.offset); err != nil {
		return err
	}
	at := 0
	for _, g := range gaps {
		at += copy(g.room.In(piece), r.buf[at:])
	}
	return nil
}

// readFull reads into buf, at least length bytes.
func (r *reader) readFull(buf []byte, length int, offset int64) error {
	for have := 0; have < length; {
		n, err := unix.Pread(r.fd, buf[have:], offset+int64(have))
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

var errOtherExtent = errors.New("an extent is not what its item says")

// readEncoded reads an extent as it is stored.
func (r *reader) readEncoded(buf []byte, what reading) error {
	iov := unix.Iovec{Base: &buf[0]}
	iov.SetLen(len(buf))
	args := encodedArgs{iov: unsafe.Pointer(&iov), iovCount: 1, offset: what.offset}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&iov)
	pin.Pin(&buf[0])
	n, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(r.fd), iocEncodedRead, uintptr(unsafe.Pointer(&args)))
	if errno != 0 {
		return fmt.Errorf("read encoded at byte %d: %w", what.offset, errno)
	}
	e := what.encoded
	if int(n) != e.stored || args.unencodedLen != e.ram || args.unencodedOffset != e.into || args.compression != e.compression {
		return fmt.Errorf("read encoded at byte %d: %w", what.offset, errOtherExtent)
	}
	return nil
}

// open makes an inode the one that is read.
func (r *reader) open(ino uint64, packed bool) error {
	if r.fd >= 0 && r.ino == ino && r.packed == packed {
		return nil
	}
	r.close()
	flags := unix.O_RDONLY
	if !packed {
		flags |= unix.O_DIRECT
	}
	fd, err := openInode(r.fs, r.tree, ino, flags)
	if err != nil {
		return err
	}
	r.fd, r.ino, r.packed = fd, ino, packed
	return nil
}

func (r *reader) close() {
	if r.fd < 0 {
		return
	}
	if r.packed {
		_ = unix.Fadvise(r.fd, 0, 0, unix.FADV_DONTNEED)
	}
	_ = unix.Close(r.fd) // opened for reading
	r.fd = -1
}
