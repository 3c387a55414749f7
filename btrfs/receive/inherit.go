package receive

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

// Extended attributes that a new entry takes from its directory. The sender
// knows nothing of that and would not remove them again: it makes inodes in the
// root of the subvolume, whatever directory they were made in at the source.
const (
	xattrACL         = "system.posix_acl_access"
	xattrDefaultACL  = "system.posix_acl_default"
	xattrCompression = "btrfs.compression"
)

// FS_*_FL of linux/fs.h.
const (
	flagNoComp = 0x400
	flagNoCOW  = 0x800000

	// markFlags are those that new files take from their directory for good: once
	// there is data, NOCOW cannot be cleared, and files with and without it share no
	// extents. NOCOMP has no extended attribute to clear it by.
	markFlags = flagNoComp | flagNoCOW
)

// traits is what entries made in a directory take from it.
type traits struct {
	acl, compression bool
	marks            uint32 // of markFlags
}

// inherited lists what an entry that a command of type t made has taken.
func (t traits) inherited(made sendstream.Type) []string {
	var names []string
	if made == sendstream.CmdSymlink {
		return nil
	}
	if t.acl {
		names = append(names, xattrACL)
	}
	if t.acl && made == sendstream.CmdMkdir {
		names = append(names, xattrDefaultACL)
	}
	if t.compression && (made == sendstream.CmdMkdir || made == sendstream.CmdMkfile) {
		names = append(names, xattrCompression)
	}
	return names
}

// traits reads them once, until the attributes of the directory change.
func (d *openDirectory) traits() (traits, error) {
	if d.known == nil {
		t, err := readTraits(int(d.file.Fd()))
		if err != nil {
			return traits{}, fmt.Errorf("read attributes of directory %q: %w", d.file.Name(), err)
		}
		d.known = &t
	}
	return *d.known, nil
}

func readTraits(fd int) (t traits, err error) {
	if t.acl, err = hasXattr(fd, xattrDefaultACL); err != nil {
		return traits{}, err
	}
	if t.compression, err = hasXattr(fd, xattrCompression); err != nil {
		return traits{}, err
	}
	flags, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	t.marks = flags & markFlags
	return t, err
}

func hasXattr(fd int, name string) (bool, error) {
	size, err := unix.Fgetxattr(fd, name, nil)
	if err != nil && !absent(err) {
		return false, err
	}
	return err == nil && size > 0, nil
}

// marksAlike reports whether entries made in dir are marked like those made in
// the root.
func (d *dirs) marksAlike(dir *openDirectory) (bool, error) {
	root, err := d.open[""].traits()
	if err != nil {
		return false, err
	}
	t, err := dir.traits()
	return t.marks == root.marks, err
}

// strip removes extended attributes that may be there.
func strip(s spot, names ...string) error {
	for _, name := range names {
		if err := (inode{spot: s}).removeXattr(name); err != nil {
			return fmt.Errorf("remove inherited %s: %w", name, err)
		}
	}
	return nil
}

// absent reports whether err says that there is no such extended attribute, or
// that there cannot be one.
func absent(err error) bool { return errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EOPNOTSUPP) }
