package btrfstest

import (
	"encoding/binary"
	"errors"
	"iter"
	"math"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fileExtent is an item of a subvolume's tree: a piece of a file that lies in an
// extent, or inline in the tree itself. All in bytes.
type fileExtent struct {
	inode   uint64
	inline  bool   // the rest is not known
	logical uint64 // where it begins in the file
	length  uint64
	disk    uint64 // where the extent begins
	offset  uint64 // into the extent, before compression
}

// searchArgs is struct btrfs_ioctl_search_args_v2 of linux/btrfs.h with a buffer
// that holds the largest item there can be.
type searchArgs struct {
	tree                   uint64 // 0: the subvolume asked
	minID, maxID           uint64
	minOffset, maxOffset   uint64
	minTransID, maxTransID uint64
	minKind, maxKind       uint32
	items                  uint32
	_                      uint32
	_                      [4]uint64
	size                   uint64
	buf                    [64 << 10]byte
}

const iocTreeSearchV2 = 0xc0709411 // _IOWR(0x94, 17, struct btrfs_ioctl_search_args_v2)

// The kernel's size, or it does not compile.
var _ = [1]struct{}{}[unsafe.Offsetof(searchArgs{}.buf)-112]

// fileExtents yields the written and the inline extents of the subvolume that root
// is open on, in order of inode and place in the file. A symbolic link has one, too.
func fileExtents(root *os.File) iter.Seq2[fileExtent, error] {
	return func(yield func(fileExtent, error) bool) {
		args := &searchArgs{maxID: math.MaxUint64, maxOffset: math.MaxUint64, maxTransID: math.MaxUint64, maxKind: math.MaxUint8}
		for {
			args.items, args.size = math.MaxUint32, uint64(len(args.buf))
			_, _, errno := unix.Syscall(unix.SYS_IOCTL, root.Fd(), iocTreeSearchV2, uintptr(unsafe.Pointer(args)))
			runtime.KeepAlive(root)
			if errno != 0 {
				yield(fileExtent{}, pathError("search tree", root.Name(), errno))
				return
			}
			if args.items == 0 || !args.each(yield) {
				return
			}
		}
	}
}

// each yields the extents of one answer and moves on behind it. It is false once
// yield was, or there is no more.
func (a *searchArgs) each(yield func(fileExtent, error) bool) bool {
	// struct btrfs_ioctl_search_header: transaction, id, offset, kind, length.
	const header, typeExtentData = 32, 108
	buf := a.buf[:]
	for range a.items {
		id, offset := binary.NativeEndian.Uint64(buf[8:]), binary.NativeEndian.Uint64(buf[16:])
		kind, size := binary.NativeEndian.Uint32(buf[24:]), binary.NativeEndian.Uint32(buf[28:])
		item := buf[header : header+size]
		buf = buf[header+size:]
		a.minID, a.minKind, a.minOffset = id, kind, offset+1
		if kind != typeExtentData {
			continue
		}
		e, has, err := decodeExtent(id, offset, item)
		if (has || err != nil) && !yield(e, err) || err != nil {
			return false
		}
	}
	return a.minOffset != 0
}

// decodeExtent reads struct btrfs_file_extent_item of linux/btrfs_tree.h; has is
// false for a hole and for what is preallocated, which have no data.
func decodeExtent(inode, logical uint64, item []byte) (e fileExtent, has bool, err error) {
	const typeAt, typeInline, typeRegular, size = 20, 0, 1, 53
	if len(item) <= typeAt {
		return fileExtent{}, false, errors.New("the kernel returned a cut item")
	}
	if item[typeAt] == typeInline {
		return fileExtent{inode: inode, inline: true}, true, nil
	}
	if item[typeAt] != typeRegular || len(item) < size {
		return fileExtent{}, false, nil
	}
	e = fileExtent{
		inode: inode, logical: logical,
		disk:   binary.LittleEndian.Uint64(item[21:]),
		offset: binary.LittleEndian.Uint64(item[37:]),
		length: binary.LittleEndian.Uint64(item[45:]),
	}
	return e, e.disk != 0, nil
}
