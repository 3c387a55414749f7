package btrfs

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

// inodeItem is what a stream tells of a struct btrfs_inode_item of
// linux/btrfs_tree.h.
type inodeItem struct {
	size                       uint64 // in bytes
	uid, gid                   uint32
	mode                       uint32 // with the type
	rdev                       uint64 // as the kernel has it in memory: major<<20 | minor
	atime, ctime, mtime, otime sendstream.Time
}

var (
	errCutInode = errors.New("an inode item is cut")
	errCutName  = errors.New("a name item is cut")
	errCutXattr = errors.New("an extended attribute item is cut")
)

// inodeItemOf reads the data of an item.
func inodeItemOf(b []byte) (inodeItem, error) {
	const size = 160
	if len(b) < size {
		return inodeItem{}, errCutInode
	}
	le := binary.LittleEndian
	at := func(i int) sendstream.Time {
		return sendstream.Time{Sec: int64(le.Uint64(b[i:])), Nsec: le.Uint32(b[i+8:])}
	}
	return inodeItem{
		size: le.Uint64(b[16:]), uid: le.Uint32(b[44:]), gid: le.Uint32(b[48:]),
		mode: le.Uint32(b[52:]), rdev: le.Uint64(b[56:]),
		atime: at(112), ctime: at(124), mtime: at(136), otime: at(148),
	}, nil
}

func (i *inodeItem) kind() uint32 { return i.mode & unix.S_IFMT }

// making returns the command that makes the inode. Its target is needed of a
// symlink only.
func (i *inodeItem) making(ino uint64, path, target []byte) sendstream.Command {
	c := sendstream.Command{Path: path, Ino: ino}
	switch i.kind() {
	case unix.S_IFREG:
		c.Type = sendstream.CmdMkfile
	case unix.S_IFDIR:
		c.Type = sendstream.CmdMkdir
	case unix.S_IFLNK:
		c.Type, c.Target = sendstream.CmdSymlink, target
	case unix.S_IFIFO:
		c.Type = sendstream.CmdMkfifo
	case unix.S_IFSOCK:
		c.Type = sendstream.CmdMksock
	default: // a device, or refused for its mode
		c.Type = sendstream.CmdMknod
	}
	if c.Type >= sendstream.CmdMknod && c.Type <= sendstream.CmdMksock {
		c.Mode, c.Rdev = uint64(i.mode), newDevice(i.rdev)
	}
	return c
}

// newDevice is new_encode_dev of linux/kdev_t.h.
func newDevice(rdev uint64) uint64 {
	major, minor := rdev>>20&0xfff, rdev&0xfffff
	return minor&0xff | major<<8 | minor&^0xff<<12
}

func (i *inodeItem) owner(path []byte) sendstream.Command {
	return sendstream.Command{Type: sendstream.CmdChown, Path: path, UID: uint64(i.uid), GID: uint64(i.gid)}
}

func (i *inodeItem) permissions(path []byte) sendstream.Command {
	return sendstream.Command{Type: sendstream.CmdChmod, Path: path, Mode: uint64(i.mode) & 0o7777}
}

func (i *inodeItem) times(path []byte) sendstream.Command {
	return sendstream.Command{
		Type: sendstream.CmdUtimes, Path: path,
		ATime: i.atime, MTime: i.mtime, CTime: i.ctime, OTime: i.otime,
	}
}

const (
	inodeRefHeader    = 10 // index, length
	inodeExtrefHeader = 18 // directory, index, length
)

// eachRef yields the names in a struct btrfs_inode_ref or btrfs_inode_extref
// item, with the directory of each. An item that is cut is an error.
func eachRef(it item, yield func(dir uint64, name []byte) error) error {
	header := inodeRefHeader
	if it.kind == typeInodeExtref {
		header = inodeExtrefHeader
	}
	for b := it.data; len(b) > 0; {
		if len(b) < header {
			return errCutName
		}
		dir := it.offset
		if it.kind == typeInodeExtref {
			dir = binary.LittleEndian.Uint64(b)
		}
		n := int(binary.LittleEndian.Uint16(b[header-2:]))
		if b = b[header:]; n > len(b) {
			return errCutName
		}
		if err := yield(dir, b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// eachXattr yields the attributes in an item of struct btrfs_dir_item: key,
// transaction, lengths of data and name, type. An item that is cut is an
// error.
func eachXattr(it item, yield func(name, value []byte) error) error {
	const header = 30
	for b := it.data; len(b) > 0; {
		if len(b) < header {
			return errCutXattr
		}
		value, name := int(binary.LittleEndian.Uint16(b[25:])), int(binary.LittleEndian.Uint16(b[27:]))
		if b = b[header:]; name+value > len(b) {
			return errCutXattr
		}
		if err := yield(b[:name], b[name:name+value]); err != nil {
			return err
		}
		b = b[name+value:]
	}
	return nil
}
