package btrfs

import (
	"encoding/binary"
	"errors"
	"os"
)

var errNoInode = errors.New("an extent belongs to no inode")

// tailCheck finds out whether the kernel would lose content if it sent compressed
// extents as they are. It goes through the items of a tree, in their order.
//
// It sends the compressed extent of a small file, which lies inline in its leaf,
// as what it decompresses to, 413 bytes say. When fallocate, for one, then grew
// the file within that block, zeros follow up to its new end. The kernel, up to
// Linux 6.18 at least, takes them for sent (end in send_write_or_clone of
// fs/btrfs/send.c, against the length in send_encoded_inline_extent) and, if the
// file ends there, its size too. A plain stream has them.
//
// It costs a walk over the leaves of the snapshot that base does not share. It
// may look at them before the kernel does, so nothing may change snap between; the
// transaction in the stream tells a receiver if something did.
type tailCheck struct {
	fs        *os.File
	tree      uint64
	sector    uint64
	ino, size uint64 // of the file the last items were about
}

// cutAt reports whether it is an inline extent whose tail would be lost.
func (t *tailCheck) cutAt(it item) (cut bool, err error) {
	if it.kind == typeInodeItem {
		t.ino, t.size = it.id, sizeOfInode(it.data)
		return false, nil
	}
	end, blockEnd := inlineEnd(it, t.sector)
	if end == blockEnd {
		return false, nil
	}
	if it.id != t.ino { // its inode is in an older leaf
		t.ino = it.id
		t.size, err = readSize(t.fs, t.tree, it.id)
	}
	return end < t.size, err
}

// firstOwnLeaf returns the first transaction in which a leaf of snap can have
// been written that is not in base as well, 0 if nothing is known about that.
//
// Of two unchanged snapshots of one share, the later has all leaves of the
// earlier that are not newer than it: blocks are never changed in place, and none
// comes back once it was replaced.
func firstOwnLeaf(snap, base Subvolume) uint64 {
	switch {
	case base.ParentUUID.IsZero(), base.ParentUUID != snap.ParentUUID:
	case base.CTransID > base.OTransID: // it was changed
	case base.OTransID > snap.OTransID: // it is the later one
	default:
		return base.OTransID + 1
	}
	return 0
}

// inlineEnd returns where in the file a compressed inline extent ends and where
// the block with that end does, twice 0 of any other item. See struct
// btrfs_file_extent_item of linux/btrfs_tree.h.
func inlineEnd(it item, sector uint64) (end, blockEnd uint64) {
	const header, inline = 21, 0 // what lies before the data; BTRFS_FILE_EXTENT_INLINE
	b := it.data
	if it.kind != typeExtentData || len(b) < header || b[16] == 0 || b[20] != inline {
		return 0, 0
	}
	end = it.offset + binary.LittleEndian.Uint64(b[8:])
	return end, (end + sector - 1) / sector * sector
}

// sizeOfInode returns the size in a struct btrfs_inode_item, 0 of a cut one.
func sizeOfInode(b []byte) uint64 {
	if len(b) < 24 {
		return 0
	}
	return binary.LittleEndian.Uint64(b[16:])
}

func readSize(fs *os.File, tree, ino uint64) (uint64, error) {
	at := key{ino, typeInodeItem, 0}
	for it, err := range search(fs, tree, at, at) {
		return sizeOfInode(it.data), err
	}
	return 0, errNoInode
}
