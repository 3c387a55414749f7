package btrfs

import (
	"encoding/binary"
	"iter"
	"math"
	"os"
)

// Extent is a stretch of a file that has data. Offset and length are in bytes of
// the file.
type Extent struct {
	Inode       uint64
	Offset, Len int64
}

// Written yields the extents of the inodes first to last, in the subvolume that
// dir is in, that a transaction since or a later one wrote, by inode and offset;
// holes, space set aside and clones of older extents are none. What is still in
// memory is none either: an extent is there once its data was written, and only
// then. It ends after an error. It costs a walk over the leaves of these inodes
// that changed since, and needs CAP_SYS_ADMIN.
func Written(dir *os.File, since, first, last uint64) iter.Seq2[Extent, error] {
	const own = 0 // the tree of dir
	return func(yield func(Extent, error) bool) {
		for it, err := range searchSince(dir, own, since, key{id: first}, key{id: last, kind: math.MaxUint8, offset: math.MaxUint64}) {
			if err != nil {
				yield(Extent{}, err)
				return
			}
			if e, ok := writtenBy(it, since); ok && !yield(e, nil) {
				return
			}
		}
	}
}

// writtenBy returns the extent an item stands for if it is that new.
func writtenBy(it item, since uint64) (Extent, bool) {
	if e, ok := dataExtentOf(it); ok {
		return Extent{e.inode, e.offset, e.length}, e.generation >= since
	}
	const header, inline = 21, 0 // what lies before the data; BTRFS_FILE_EXTENT_INLINE
	b := it.data
	if it.kind != typeExtentData || len(b) < header || b[20] != inline {
		return Extent{}, false
	}
	e := Extent{it.id, int64(it.key.offset), int64(binary.LittleEndian.Uint64(b[8:]))}
	return e, binary.LittleEndian.Uint64(b) >= since
}
