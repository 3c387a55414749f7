package btrfs

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// tally adds up what the items of a snapshot's tree, in their order, cost in a
// send stream. What it knows of the stream of an increment is what fs/btrfs/send.c of
// Linux 6.18 does. It makes no system call.
type tally struct {
	since   uint64 // transaction after the parent's; 0: there is none
	full    bool
	version uint32
	encoded bool // compressed extents are sent as they are, unless cut
	cut     bool // see tailCheck

	fixed   int64            // all but what follows
	plain   int64            // of the content if it is sent decoded
	packed  int64            // and if it is sent as it is
	under   map[uint64]int64 // by directory: how often the path of something in it is written
	sharing sharing

	at node
}

// node is the inode that the items are about.
type node struct {
	ino, size uint64
	mode      uint32
	isNew     bool
	isKnown   bool   // its inode item was seen
	dir       uint64 // that holds its first name; 0: not seen
	name      int64  // length of that
	names     int
	temp      int64 // length of the name it is made under
}

// likelyPath stands for the length of a path that is not known, in bytes.
const likelyPath = 32

func newTally(s sending) *tally {
	t := &tally{full: s.isFull(), version: s.version, encoded: s.flags&sendCompressed != 0, under: make(map[uint64]int64)}
	t.fixed = streamFixed
	if s.parent.ID != 0 {
		t.since = max(s.parent.CTransID, s.parent.OTransID) + 1
		t.fixed += snapshotExtra
	}
	return t
}

// total is the length of the stream. depth returns the length of a directory's
// path with a slash behind it.
func (t *tally) total(depth func(dir uint64) int64) int64 {
	n := t.fixed
	for dir, paths := range t.under {
		if dir == 0 {
			n += paths * likelyPath
			continue
		}
		n += paths * depth(dir)
	}
	if t.encoded && !t.cut {
		return n + t.packed
	}
	return n + t.plain
}

func (t *tally) add(it item) {
	if it.id != t.at.ino {
		t.at = node{ino: it.id}
	}
	switch it.kind {
	case typeInodeItem:
		t.inode(it.data)
	case typeInodeRef, typeInodeExtref:
		_ = eachRef(it, t.name) // the send will tell of an item that is cut
	case typeXattr:
		_ = eachXattr(it, t.xattr)
	case typeExtentData:
		t.extent(it)
	}
}

// inode reads a struct btrfs_inode_item.
func (t *tally) inode(b []byte) {
	if len(b) < 60 {
		return
	}
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	made, changed := u64(0), u64(8)
	t.at.size, t.at.mode, t.at.isKnown = u64(16), binary.LittleEndian.Uint32(b[52:]), true
	t.at.isNew = made >= t.since && t.at.ino != rootInode
	t.at.temp = tempName(t.at.ino, made)
	if !t.at.isNew && changed >= t.since { // its times, at least
		t.fixed += timesSize(t.version)
		t.path(1)
	}
}

// path counts paths of the current inode.
func (t *tally) path(n int64) {
	t.fixed += n * t.at.name
	t.under[t.at.dir] += n
}

// named counts a name of the current inode. The first one brings the inode
// itself, the others are links to it.
func (t *tally) named(dir uint64, name int64) {
	if t.at.names++; t.at.names == 1 {
		t.at.dir, t.at.name = dir, name
		t.created()
		return
	}
	if t.at.isNew {
		t.fixed += linkSize + name
		t.under[dir]++
		t.path(1)
	}
}

// created counts what brings a new inode of one name, but for its content.
func (t *tally) created() {
	if !t.at.isNew {
		return
	}
	c := creation{mode: t.at.mode & unix.S_IFMT, version: t.version}
	t.fixed += c.size()
	if !t.full { // it is made under a temporary name, which is written twice
		t.fixed += renameSize + 2*t.at.temp
	}
	t.path(c.paths())
}

// name counts one; see eachRef.
func (t *tally) name(dir uint64, name []byte) error {
	t.named(dir, int64(len(name)))
	return nil
}

// xattr counts one of a new inode; see eachXattr.
func (t *tally) xattr(name, value []byte) error {
	if t.at.isNew {
		t.fixed += xattrSize + int64(len(name)+len(value))
		t.path(1)
	}
	return nil
}
