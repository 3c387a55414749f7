package btrfs

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// Sizes in bytes of what a send stream is made of; see fs/btrfs/send.h. Those of
// commands are without the paths in them.
const (
	commandSize = 10 // length, type, checksum
	attrSize    = 4  // type, length
	numberSize  = attrSize + 8
	uuidSize    = attrSize + 16
	timeSize    = attrSize + 12

	snapshotName  = 16                                                                               // length of 20060102T150405Z
	streamFixed   = 17 + commandSize + attrSize + snapshotName + uuidSize + numberSize + commandSize // header, subvol, end
	snapshotExtra = uuidSize + numberSize                                                            // what the parent adds
	linkSize      = commandSize + 2*attrSize
	xattrSize     = commandSize + 3*attrSize
	ownerSize     = commandSize + attrSize + 2*numberSize
	modeSize      = commandSize + attrSize + numberSize
	renameSize    = commandSize + 2*attrSize
	cloneSize     = commandSize + 2*attrSize + uuidSize + 4*numberSize
	// encodedSize counts offset, three lengths, two kinds of coding, and data
	// without a length.
	encodedSize = commandSize + attrSize + 4*numberSize + 2*(attrSize+4) + 2
)

func timesSize(version uint32) int64 {
	if version >= 2 {
		return commandSize + attrSize + 4*timeSize
	}
	return commandSize + attrSize + 3*timeSize
}

// writes returns how many write commands bring length bytes, and their size.
func writes(version uint32, length int64) (commands, size int64) {
	chunk, header := int64(48<<10), int64(attrSize)
	if version >= 2 {
		chunk, header = 128<<10, 2
	}
	commands = (length + chunk - 1) / chunk
	return commands, length + commands*(commandSize+attrSize+numberSize+header)
}

// tempName is the length of the name that an inode is made under, o257-9-0.
func tempName(ino, generation uint64) int64 {
	var b [40]byte
	return int64(len(strconv.AppendUint(strconv.AppendUint(b[:0], ino, 10), generation, 10)) + len("o--0"))
}

// creation is a new inode of one name.
type creation struct {
	mode    uint32 // S_IFMT of it
	version uint32
}

// size counts the commands that make it, less the paths: it is made, then given
// owner, mode and times.
func (c creation) size() int64 {
	n := commandSize + attrSize + numberSize + ownerSize + timesSize(c.version)
	switch c.mode {
	case unix.S_IFLNK:
		return n
	case unix.S_IFCHR, unix.S_IFBLK, unix.S_IFIFO, unix.S_IFSOCK:
		n += 2 * numberSize
	}
	return n + modeSize
}

// paths is how many times its path is in what brings it.
func (c creation) paths() int64 {
	if c.mode == unix.S_IFLNK {
		return 3
	}
	return 4
}

func (n node) isLink() bool { return n.mode&unix.S_IFMT == unix.S_IFLNK }
