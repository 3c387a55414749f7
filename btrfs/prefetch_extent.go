package btrfs

import (
	"encoding/binary"
	"iter"
)

// dataExtent is a stretch of a file whose content lies on the disk. Offset and
// length are in bytes of the file.
type dataExtent struct {
	inode          uint64
	offset, length int64  // length is at least 1
	generation     uint64 // transaction that wrote it
	compressed     bool
}

func (e dataExtent) end() int64 { return e.offset + e.length }

// dataExtentOf reads a struct btrfs_file_extent_item of linux/btrfs_tree.h. It is
// false for any other item and for an extent that takes no reading: one inside
// its leaf, a hole, space set aside.
func dataExtentOf(it item) (dataExtent, bool) {
	const (
		size    = 53
		regular = 1 // BTRFS_FILE_EXTENT_REG
	)
	if it.kind != typeExtentData || len(it.data) != size || it.data[20] != regular {
		return dataExtent{}, false
	}
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(it.data[at:]) }
	e := dataExtent{
		inode: it.id, offset: int64(it.key.offset), length: int64(u64(45)),
		generation: u64(0), compressed: it.data[16] != 0,
	}
	isHole := u64(21) == 0
	return e, !isHole && e.offset >= 0 && e.length > 0 && e.end() > e.offset
}

// cut yields the extent in pieces of at most size bytes.
func (e dataExtent) cut(size int64) iter.Seq[dataExtent] {
	return func(yield func(dataExtent) bool) {
		for end := e.end(); e.offset < end; e.offset = e.end() {
			e.length = min(size, end-e.offset)
			if !yield(e) {
				return
			}
		}
	}
}
