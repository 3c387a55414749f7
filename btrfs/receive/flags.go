package receive

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

// The flags that fileattr applies: BTRFS_INODE_* of linux/btrfs_tree.h as sent,
// FS_*_FL of linux/fs.h as set.
var inodeFlags = [...]struct {
	sent uint64
	set  uint32
}{
	{1 << 5, 0x8},      // sync
	{1 << 8, 0x40},     // nodump
	{1 << 9, 0x80},     // noatime
	{1 << 10, 0x10000}, // dirsync
}

// fileattr applies the flags sync, nodump, noatime and dirsync. The others are
// left out: immutable and append would block what the stream does to the file
// later, nodatacow and nodatasum cannot be had for a file with data, and
// compression travels as an extended attribute.
//
// Kernel 6.18 sends the command in increments of version 2, for inodes whose
// flags changed, and never for new ones.
func (a *applier) fileattr(c *sendstream.Command) error {
	entry, err := a.inode(string(c.Path))
	if err != nil {
		return err
	}
	a.dirs.reconsider(string(c.Path))
	return entry.opened(func(file *os.File) error { return setFlags(file, c.FileAttr) })
}

// opened calls f with the inode open if it is a regular file or a directory.
// Others have no flags, and to open them may already do something.
func (i inode) opened(f func(*os.File) error) error {
	if i.file != nil {
		return f(i.file.osFile())
	}
	st, err := i.stat()
	if err != nil {
		return err
	}
	if kind := st.Mode & unix.S_IFMT; kind != unix.S_IFREG && kind != unix.S_IFDIR {
		return nil
	}
	file, err := openBeneath(i.spot.dir.file, i.spot.name, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer release(file)
	return f(file)
}

func setFlags(file *os.File, sent uint64) error {
	have, err := unix.IoctlGetUint32(int(file.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil {
		return fmt.Errorf("read flags: %w", err)
	}
	want := mergeFlags(have, sent)
	if want == have {
		return nil
	}
	return keepCompression(file, func() error {
		return unix.IoctlSetPointerInt(int(file.Fd()), unix.FS_IOC_SETFLAGS, int(want))
	})
}

// clearNoCOW makes a directory or a file without data fit for compression. It
// took NOCOW from its directory or from how the pool is mounted.
func clearNoCOW(file *os.File) error {
	flags, err := unix.IoctlGetUint32(int(file.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil || flags&flagNoCOW == 0 {
		return err
	}
	return unix.IoctlSetPointerInt(int(file.Fd()), unix.FS_IOC_SETFLAGS, int(flags&^flagNoCOW))
}

// mergeFlags sets and clears in have what fileattr applies of sent.
func mergeFlags(have uint32, sent uint64) uint32 {
	for _, f := range inodeFlags {
		have &^= f.set
		if sent&f.sent != 0 {
			have |= f.set
		}
	}
	return have
}

// keepCompression sets the compression of file as it was before change: to set
// any flag makes the kernel replace the algorithm by its default.
func keepCompression(file *os.File, change func() error) error {
	var value [maxComponent]byte
	n, err := unix.Fgetxattr(int(file.Fd()), xattrCompression, value[:])
	if err != nil && !absent(err) {
		return fmt.Errorf("read %s: %w", xattrCompression, err)
	}
	if err != nil || n == 0 {
		return change()
	}
	return errors.Join(change(), unix.Fsetxattr(int(file.Fd()), xattrCompression, value[:n], 0))
}
