package btrfs

import "encoding/binary"

// fileExtent is what the send looks at in a struct btrfs_file_extent_item of
// linux/btrfs_tree.h. Offsets and lengths are in bytes.
type fileExtent struct {
	kind       uint8 // BTRFS_FILE_EXTENT_*
	compressed bool
	coding     uint8  // BTRFS_COMPRESS_*
	ram        uint64 // length of all of it, once decompressed
	generation uint64 // transaction that wrote it
	offset     uint64 // in the file
	length     uint64 // in the file
	stored     uint64 // length on the disk or in the leaf
	disk       uint64 // where it begins there; 0: a hole
	into       uint64 // where its part begins, once decompressed
}

const (
	extentInline   = 0 // BTRFS_FILE_EXTENT_INLINE
	extentRegular  = 1 // BTRFS_FILE_EXTENT_REG
	extentPrealloc = 2 // BTRFS_FILE_EXTENT_PREALLOC
)

// fileExtentOf is false for what is no whole item.
func fileExtentOf(it item) (fileExtent, bool) {
	const header, size = 21, 53
	b := it.data
	if it.kind != typeExtentData || len(b) < header {
		return fileExtent{}, false
	}
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	e := fileExtent{kind: b[20], compressed: b[16] != 0, coding: b[16], ram: u64(8), generation: u64(0), offset: it.offset}
	if e.kind == extentInline {
		e.length, e.stored = u64(8), uint64(len(b)-header)
		return e, true
	}
	if len(b) < size {
		return fileExtent{}, false
	}
	e.disk, e.stored, e.into, e.length = u64(21), u64(29), u64(37), u64(45)
	return e, true
}

// within is the length of the part that lies before size.
func (e fileExtent) within(size uint64) int64 {
	if e.offset >= size {
		return 0
	}
	return int64(min(e.length, size-e.offset))
}

// extent counts what the current inode gets of its content.
func (t *tally) extent(it item) {
	e, ok := fileExtentOf(it)
	if !ok {
		return
	}
	length := int64(e.length)
	if t.at.isKnown {
		length = e.within(t.at.size)
	}
	switch t.brings(e) {
	case theTarget:
		t.fixed += attrSize + length
	case aClone:
		t.fixed += cloneSize
		t.path(2)
	case itsContent:
		t.content(e, length)
	case nothing:
	}
}

// means is how an extent is sent.
type means uint8

const (
	nothing    means = 0
	theTarget  means = 1 // of a symlink, with its creation
	aClone     means = 2
	itsContent means = 3
)

// brings decides as process_extent of fs/btrfs/send.c does, as far as the tree
// shows what it goes by.
func (t *tally) brings(e fileExtent) means {
	isOld := e.generation < t.since
	switch {
	case e.kind == extentInline && t.at.isLink():
		return t.ifNew(theTarget)
	case e.kind != extentInline && e.disk == 0: // a hole
		return nothing
	case e.kind == extentPrealloc:
		if t.at.isNew || isOld {
			return nothing
		}
		return itsContent // zeros
	case e.kind == extentInline:
		if isOld {
			return t.ifNew(itsContent)
		}
		return itsContent
	case isOld:
		return t.ifNew(aClone)
	case t.sharing.seen(e):
		return aClone
	}
	return itsContent
}

func (t *tally) ifNew(m means) means {
	if t.at.isNew {
		return m
	}
	return nothing
}

// content counts writes of length bytes, and the one command that an extent takes
// which is sent as it is: compressed, and not larger for it.
func (t *tally) content(e fileExtent, length int64) {
	if length <= 0 {
		return
	}
	paths, plain := writes(t.version, length)
	t.path(paths)
	t.plain += plain
	t.packed += plain
	if e.compressed && (e.kind == extentInline || int64(e.stored) <= length) {
		t.packed += encodedSize + int64(e.stored) - plain
	}
}
