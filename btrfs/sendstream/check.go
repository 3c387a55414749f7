package sendstream

import (
	"bytes"
	"math"
)

// The rules about values; the words after them say which value broke them.
const (
	ruleRange       = "range beyond the largest file offset"
	ruleMode        = "mode not possible for this command"
	ruleDevice      = "device number of more than 32 bits"
	ruleOwner       = "owner or group out of range"
	ruleTime        = "nanoseconds not below 1e9"
	ruleXattrName   = "malformed name of an extended attribute"
	ruleSymlink     = "malformed symlink text"
	ruleFallocate   = "fallocate mode not known"
	ruleEncoding    = "compression or encryption not known"
	ruleEncodedSize = "encoded extent out of bounds"
	ruleZeroLength  = "length is zero"
)

// Mode bits, as in include/uapi/linux/stat.h.
const (
	modePerm = 0o7777
	modeType = 0o170000
	modeFifo = 0o010000
	modeChar = 0o020000
	modeBlk  = 0o060000
	modeSock = 0o140000
)

// Bounds of an encoded extent: BTRFS_MAX_COMPRESSED and BTRFS_MAX_UNCOMPRESSED of
// fs/btrfs/compression.h.
const (
	maxEncodedLen   = 128 << 10
	maxUnencodedLen = 128 << 10
)

// BTRFS_ENCODED_IO_COMPRESSION_* of include/uapi/linux/btrfs.h.
const (
	compressionZlib   = 1
	compressionLZO64K = 7
)

func checkSubvol(c *Command) error { return checkName(AttrPath, c.Path) }

// checkEntry is for commands about a directory entry: the root has none.
func checkEntry(c *Command) error { return checkPath(AttrPath, c.Path) }

// checkInode is for commands about an inode; the empty path is the root.
func checkInode(c *Command) error {
	if len(c.Path) == 0 {
		return nil
	}
	return checkPath(AttrPath, c.Path)
}

func checkMknod(c *Command) error {
	if t := c.Mode & modeType; t != modeChar && t != modeBlk {
		return breachf(ruleMode, "%#o is no device", c.Mode)
	}
	return checkNode(c)
}

func checkMkfifo(c *Command) error { return checkTyped(c, modeFifo) }

func checkMksock(c *Command) error { return checkTyped(c, modeSock) }

// checkTyped holds the mode, if there is one, to the type of the command.
func checkTyped(c *Command, fileType uint64) error {
	if c.Mode != 0 && c.Mode&modeType != fileType {
		return breachf(ruleMode, "%#o is of another type", c.Mode)
	}
	return checkNode(c)
}

func checkNode(c *Command) error {
	if c.Mode&^(modeType|modePerm) != 0 {
		return breachf(ruleMode, "%#o has unknown bits", c.Mode)
	}
	if c.Rdev > math.MaxUint32 {
		return breach(ruleDevice)
	}
	return checkEntry(c)
}

func checkSymlink(c *Command) error {
	if n := len(c.Target); n == 0 || n > maxPathLen || bytes.IndexByte(c.Target, 0) >= 0 {
		return breachf(ruleSymlink, "%d bytes", n)
	}
	return checkEntry(c)
}

func checkRename(c *Command) error {
	if err := checkPath(AttrPathTo, c.To); err != nil {
		return err
	}
	return checkEntry(c)
}

func checkLink(c *Command) error {
	if err := checkPath(AttrPathLink, c.Target); err != nil {
		return err
	}
	return checkEntry(c)
}

// checkXattr wants "namespace.name", both parts present. A name with a NUL would
// reach the kernel shortened. The value needs no bound: a length of 16 bits
// cannot exceed XATTR_SIZE_MAX.
func checkXattr(c *Command) error {
	dot := bytes.IndexByte(c.Name, '.')
	if dot < 1 || dot == len(c.Name)-1 || len(c.Name) > maxNameLen || bytes.IndexByte(c.Name, 0) >= 0 {
		return breachf(ruleXattrName, "%.80q", c.Name)
	}
	return checkInode(c)
}

func checkData(c *Command) error {
	if err := checkRange(AttrFileOffset, c.FileOffset, c.dataLen()); err != nil {
		return err
	}
	return checkEntry(c)
}

// checkRange keeps offset+length within loff_t.
func checkRange(a Attr, offset, length uint64) error {
	if offset > math.MaxInt64 || length > math.MaxInt64-offset {
		return breachf(ruleRange, "%v %d, length %d", a, offset, length)
	}
	return nil
}

// checkClone refuses a length of zero, which FICLONERANGE takes as "to the end
// of the source".
func checkClone(c *Command) error {
	if c.CloneLen == 0 {
		return breachf(ruleZeroLength, "%v", AttrCloneLen)
	}
	if err := checkRange(AttrCloneOffset, c.CloneOffset, c.CloneLen); err != nil {
		return err
	}
	if err := checkPath(AttrClonePath, c.ClonePath); err != nil {
		return err
	}
	return checkData(c)
}

func checkTruncate(c *Command) error {
	if err := checkRange(AttrSize, 0, c.Length); err != nil {
		return err
	}
	return checkEntry(c)
}

func checkChmod(c *Command) error {
	if c.Mode&^modePerm != 0 {
		return breachf(ruleMode, "%#o", c.Mode)
	}
	return checkInode(c)
}

// checkChown refuses 2^32-1 as well, which chown takes as "leave as it is".
func checkChown(c *Command) error {
	if c.UID >= math.MaxUint32 || c.GID >= math.MaxUint32 {
		return breachf(ruleOwner, "uid %d, gid %d", c.UID, c.GID)
	}
	return checkInode(c)
}

func checkUtimes(c *Command) error {
	for _, t := range [...]Time{c.ATime, c.MTime, c.CTime, c.OTime} {
		if t.Nsec >= 1e9 {
			return breachf(ruleTime, "%d", t.Nsec)
		}
	}
	return checkInode(c)
}

// checkFallocate accepts the modes btrfs knows, FALLOC_FL_* of linux/falloc.h:
// 1 keep size, 2 punch hole (only with keep size), 0x10 zero range.
func checkFallocate(c *Command) error {
	switch c.FallocateMode {
	case 0, 1, 1 | 2, 0x10, 1 | 0x10:
	default:
		return breachf(ruleFallocate, "%#x", c.FallocateMode)
	}
	if c.Length == 0 {
		return breachf(ruleZeroLength, "%v", AttrSize)
	}
	return checkData(c)
}

func checkEncodedWrite(c *Command) error {
	if c.Compression < compressionZlib || c.Compression > compressionLZO64K || c.Encryption != 0 {
		return breachf(ruleEncoding, "compression %d, encryption %d", c.Compression, c.Encryption)
	}
	if err := checkEncodedSize(c); err != nil {
		return err
	}
	return checkData(c)
}

// checkEncodedSize has the conditions of btrfs_do_encoded_write in
// fs/btrfs/inode.c that need no file.
func checkEncodedSize(c *Command) error {
	switch {
	case len(c.Data) == 0, len(c.Data) > maxEncodedLen:
		return breachf(ruleEncodedSize, "%d bytes of data", len(c.Data))
	case c.UnencodedLen == 0, c.UnencodedLen > maxUnencodedLen:
		return breachf(ruleEncodedSize, "%v %d", AttrUnencodedLen, c.UnencodedLen)
	case c.UnencodedOffset >= c.UnencodedLen, c.UnencodedFileLen > c.UnencodedLen-c.UnencodedOffset:
		return breachf(ruleEncodedSize, "%d bytes of file at %d of %d", c.UnencodedFileLen, c.UnencodedOffset, c.UnencodedLen)
	}
	return nil
}
