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

// Permissions until the stream's chmod. Nobody else can reach staging anyway.
const (
	newFileMode = 0o600
	newDirMode  = 0o700
)

func (a *applier) mkfile(c *sendstream.Command) error {
	return a.create(c, func(s spot) error {
		fd, err := unix.Openat(s.fd(), s.name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, newFileMode)
		if err != nil {
			return err
		}
		return unix.Close(fd)
	}, xattrACL, xattrCompression)
}

func (a *applier) mkdir(c *sendstream.Command) error {
	return a.create(c, func(s spot) error {
		return unix.Mkdirat(s.fd(), s.name, newDirMode)
	}, xattrACL, xattrDefaultACL, xattrCompression)
}

// mknod makes devices, fifos and sockets.
func (a *applier) mknod(c *sendstream.Command, kind uint32) error {
	return a.create(c, func(s spot) error {
		return unix.Mknodat(s.fd(), s.name, kind|newFileMode, int(device(c.Rdev)))
	}, xattrACL)
}

func (a *applier) symlink(c *sendstream.Command) error {
	return a.create(c, func(s spot) error {
		return unix.Symlinkat(string(c.Target), s.fd(), s.name)
	})
}

// create makes an entry and strips it of what it took from its directory.
func (a *applier) create(c *sendstream.Command, make func(spot) error, inherited ...string) error {
	s, err := a.dirs.change(string(c.Path))
	if err != nil {
		return err
	}
	if err := make(s); err != nil {
		return err
	}
	inherits, err := s.dir.inherits()
	if err != nil || !inherits {
		return err
	}
	return strip(s, inherited...)
}

func (a *applier) rename(c *sendstream.Command) error {
	from, to := string(c.Path), string(c.To)
	if err := a.moved(from, to); err != nil {
		return err
	}
	source, err := a.dirs.change(from)
	if err != nil {
		return err
	}
	target, err := a.dirs.change(to)
	if err != nil {
		return err
	}
	return unix.Renameat(source.fd(), source.name, target.fd(), target.name)
}

func (a *applier) link(c *sendstream.Command) error {
	existing, err := a.dirs.spot(string(c.Target))
	if err != nil {
		return err
	}
	s, err := a.dirs.change(string(c.Path))
	if err != nil {
		return err
	}
	return unix.Linkat(existing.fd(), existing.name, s.fd(), s.name, 0)
}

// remove is unlink, and rmdir with AT_REMOVEDIR.
func (a *applier) remove(c *sendstream.Command, flags int) error {
	path := string(c.Path)
	if err := a.moved(path); err != nil {
		return err
	}
	s, err := a.dirs.change(path)
	if err != nil {
		return err
	}
	return unix.Unlinkat(s.fd(), s.name, flags)
}

// moved forgets what is open under paths that change their meaning.
func (a *applier) moved(paths ...string) error {
	if err := a.closeFiles(); err != nil {
		return err
	}
	for _, path := range paths {
		if err := a.dirs.forget(path); err != nil {
			return err
		}
	}
	return nil
}

// inherits reports whether entries made in d take something from it.
func (d *openDirectory) inherits() (bool, error) {
	if d.inheritKnown {
		return d.inherit, nil
	}
	d.inherit = false
	for _, name := range []string{xattrDefaultACL, xattrCompression} {
		size, err := unix.Fgetxattr(int(d.file.Fd()), name, nil)
		if err != nil && !absent(err) {
			return false, fmt.Errorf("read %s of directory %q: %w", name, d.file.Name(), err)
		}
		d.inherit = d.inherit || err == nil && size > 0
	}
	d.inheritKnown = true
	return d.inherit, nil
}

// strip removes extended attributes that may be there.
func strip(s spot, names ...string) error {
	for _, name := range names {
		if err := unix.Lremovexattr(s.proc(), name); err != nil && !absent(err) {
			return fmt.Errorf("remove inherited %s: %w", name, err)
		}
	}
	return nil
}

// absent reports whether err says that there is no such extended attribute, or
// that there cannot be one.
func absent(err error) bool { return errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EOPNOTSUPP) }

// device turns a number as new_encode_dev of linux/kdev_t.h packs it into one
// for mknod(2): minor low 8 bits, major 12 bits, minor high 12 bits.
func device(packed uint64) uint64 {
	major := packed & 0xfff00 >> 8
	minor := packed&0xff | packed>>12&0xfff00
	return unix.Mkdev(uint32(major), uint32(minor))
}
