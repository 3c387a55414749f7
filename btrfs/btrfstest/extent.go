package btrfstest

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Extent is one piece of a file as FIEMAP reports it; all in bytes.
type Extent struct {
	Logical  uint64 // where it begins in the file
	Physical uint64 // where it lies in btrfs's logical address space
	Length   uint64
	Flags    ExtentFlags
}

// ExtentFlags are the FIEMAP_EXTENT bits of linux/fiemap.h.
type ExtentFlags uint32

// Those that tell how btrfs stored an extent.
const (
	ExtentLast       ExtentFlags = 0x0001 // the last of the file
	ExtentEncoded    ExtentFlags = 0x0008 // compressed
	ExtentInline     ExtentFlags = 0x0200 // held in metadata; Physical means nothing
	ExtentPrealloced ExtentFlags = 0x0800 // reserved but not written
	ExtentShared     ExtentFlags = 0x2000 // also used by another file or snapshot
)

// struct fiemap and fiemap_extent of linux/fiemap.h.
type fiemap struct {
	start, length           uint64
	flags, mapped, capacity uint32
	_                       uint32
	extents                 [fiemapExtents]fiemapExtent
}

type fiemapExtent struct {
	logical, physical, length uint64
	_                         [2]uint64
	flags                     uint32
	_                         [3]uint32
}

const (
	fiemapExtents = 256
	fiemapHeader  = unsafe.Offsetof(fiemap{}.extents)

	fsIocFiemap    = 0xc020660b // _IOWR('f', 11, struct fiemap)
	fiemapFlagSync = 1
)

// The kernel's sizes, or it does not compile.
var (
	_ = [1]struct{}{}[unsafe.Sizeof(fiemapExtent{})-56]
	_ = [1]struct{}{}[fiemapHeader-32]
)

// Extents lists the extents of the regular file at path in order of Logical,
// after writing what is dirty (FIEMAP_FLAG_SYNC). Holes are what lies between.
func Extents(path string) (extents []Extent, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("extents: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for start := uint64(0); ; {
		some, err := extentsFrom(f, start)
		if err != nil {
			return nil, fmt.Errorf("extents: %w", err)
		}
		extents = append(extents, some...)
		if len(some) == 0 || some[len(some)-1].Flags&ExtentLast != 0 {
			return extents, nil
		}
		start = some[len(some)-1].Logical + some[len(some)-1].Length
	}
}

// extentsFrom asks for one batch, beginning at byte start of f.
func extentsFrom(f *os.File, start uint64) ([]Extent, error) {
	m := &fiemap{start: start, length: ^uint64(0) - start, flags: fiemapFlagSync, capacity: fiemapExtents}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), fsIocFiemap, uintptr(unsafe.Pointer(m)))
	if errno != 0 {
		return nil, pathError("fiemap", f.Name(), errno)
	}
	extents := make([]Extent, 0, m.mapped)
	for _, e := range m.extents[:m.mapped] {
		extents = append(extents, Extent{e.logical, e.physical, e.length, ExtentFlags(e.flags)})
	}
	return extents, nil
}

// Shared tells how many bytes of the file at a lie on the same disk blocks as
// bytes of the file at b. Inline and preallocated extents do not count; of a
// compressed extent FIEMAP knows no size on disk, so it counts when both files
// refer to the same one, with the bytes of the file that refers to less.
func Shared(a, b string) (int64, error) {
	extentsA, errA := Extents(a)
	extentsB, errB := Extents(b)
	if err := errors.Join(errA, errB); err != nil {
		return 0, err
	}
	return shared(extentsA, extentsB), nil
}

func shared(a, b []Extent) int64 {
	var sum uint64
	for _, x := range a {
		for _, y := range b {
			sum += x.overlap(y)
		}
	}
	return int64(sum)
}

// overlap is the number of bytes two extents have on the same blocks.
func (e Extent) overlap(o Extent) uint64 {
	switch either := e.Flags | o.Flags; {
	case either&(ExtentInline|ExtentPrealloced) != 0:
		return 0
	case either&ExtentEncoded == 0:
		start, end := max(e.Physical, o.Physical), min(e.Physical+e.Length, o.Physical+o.Length)
		return end - min(start, end)
	case e.Physical == o.Physical:
		return min(e.Length, o.Length)
	}
	return 0
}
