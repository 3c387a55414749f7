package btrfs

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// aio reads many pieces of files at once, by io_submit(2): a disk then has all of
// them to choose from, and who waits for them sleeps once. That holds for files
// open with O_DIRECT; reads of others happen one by one. It is not safe for
// concurrent use.
type aio struct {
	context  uintptr
	blocks   []iocb
	pointers []*iocb
	events   []ioEvent
}

// iocb is struct iocb of linux/aio_abi.h, on a little-endian machine.
type iocb struct {
	index  uint64 // comes back in the event
	_      uint32
	_      int32
	opcode uint16
	_      int16
	fd     uint32
	buf    uint64
	length uint64
	offset int64
	_      uint64
	_, _   uint32
}

// ioEvent is struct io_event.
type ioEvent struct {
	index uint64
	_     uint64
	res   int64 // bytes that were read, or an errno below 0
	_     int64
}

var (
	_ = [1]struct{}{}[unsafe.Sizeof(iocb{})-64]
	_ = [1]struct{}{}[unsafe.Sizeof(ioEvent{})-32]
)

const iocbPread = 0 // IOCB_CMD_PREAD

// newAIO returns an aio for up to depth pieces.
func newAIO(depth int) (*aio, error) {
	a := &aio{blocks: make([]iocb, 0, depth), pointers: make([]*iocb, 0, depth), events: make([]ioEvent, depth)}
	_, _, errno := unix.Syscall(unix.SYS_IO_SETUP, uintptr(depth), uintptr(unsafe.Pointer(&a.context)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("set up reading: %w", errno)
	}
	return a, nil
}

// close waits for what is still read.
func (a *aio) close() { _, _, _ = unix.Syscall(unix.SYS_IO_DESTROY, a.context, 0, 0) }

// add asks for a piece. buf must stay where it is until read returns.
func (a *aio) add(fd int, buf []byte, offset int64) {
	a.blocks = append(a.blocks, iocb{
		index: uint64(len(a.blocks)), opcode: iocbPread, fd: uint32(fd),
		buf: uint64(uintptr(unsafe.Pointer(&buf[0]))), length: uint64(len(buf)), offset: offset,
	})
}

// start begins to read what was asked for since the last call of wait.
func (a *aio) start() error {
	a.pointers = a.pointers[:0]
	for i := range a.blocks {
		a.pointers = append(a.pointers, &a.blocks[i])
	}
	for done := 0; done < len(a.pointers); {
		n, _, errno := unix.Syscall(unix.SYS_IO_SUBMIT, a.context, uintptr(len(a.pointers)-done), uintptr(unsafe.Pointer(&a.pointers[done])))
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return fmt.Errorf("start reading: %w", errors.Join(errno, a.wait(done, nil)))
		}
		done += int(n)
	}
	return nil
}

// wait waits for the first n pieces and tells of each what came of it: bytes, or
// an errno below 0.
func (a *aio) wait(n int, tell func(piece int, res int64)) error {
	defer func() { a.blocks = a.blocks[:0] }()
	for n > 0 {
		got, _, errno := unix.Syscall6(unix.SYS_IO_GETEVENTS, a.context, uintptr(n), uintptr(n), uintptr(unsafe.Pointer(&a.events[0])), 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return fmt.Errorf("wait for reading: %w", errno)
		}
		for _, e := range a.events[:got] {
			if tell != nil {
				tell(int(e.index), e.res)
			}
		}
		n -= int(got)
	}
	runtime.KeepAlive(a)
	return nil
}
