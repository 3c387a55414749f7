package receive

import (
	"bytes"
	"errors"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

// setXattr leaves an attribute alone that a new entry took from its directory
// with the very value. Only that case is worth a look.
func (a *applier) setXattr(c *sendstream.Command) error {
	path, name := a.text(c.Path), string(c.Name)
	entry, err := a.inode(path)
	if err != nil {
		return err
	}
	if a.made.confirm(path, name) && entry.hasXattr(name, c.Data) {
		return nil
	}
	a.dirs.reconsider(path)
	err = entry.setXattr(name, c.Data)
	if name == xattrCompression && errors.Is(err, unix.EINVAL) && entry.opened(clearNoCOW) == nil {
		err = entry.setXattr(name, c.Data)
	}
	return err
}

// hasXattr reports whether the attribute is there with that short value.
func (i inode) hasXattr(name string, value []byte) bool {
	var buf [maxComponent]byte
	have, err := i.xattr(name, buf[:])
	return err == nil && bytes.Equal(have, value)
}

// removeXattr does not mind an attribute that is not there: the kernel sends
// the removal of a file's capability after the chown that removed it.
func (a *applier) removeXattr(c *sendstream.Command) error {
	entry, err := a.inode(string(c.Path))
	if err != nil {
		return err
	}
	a.dirs.reconsider(string(c.Path))
	return entry.removeXattr(string(c.Name))
}

func (a *applier) chmod(c *sendstream.Command) error {
	path := a.text(c.Path)
	entry, err := a.inode(path)
	if err != nil {
		return err
	}
	mode := uint32(c.Mode) & modeBits
	was, err := entry.setMode(mode)
	if err != nil {
		return err
	}
	a.made.confirmMode(path)
	a.perm.guess(was, mode)
	return nil
}

// setMode leaves a mode alone that is right, and returns what it was. It never meets
// a symbolic link in an honest stream: they have no mode.
func (i inode) setMode(mode uint32) (was uint32, err error) {
	st, err := i.stat()
	switch {
	case err != nil:
		return 0, err
	case st.Mode&unix.S_IFMT == unix.S_IFLNK:
		return 0, breach(ruleSymlink, nil)
	}
	was = st.Mode
	if was&modeBits != mode {
		err = i.chmod(mode)
	}
	return was, err
}

// modeBits are the permissions with setuid, setgid and sticky.
const modeBits = 0o7777

func (a *applier) chown(c *sendstream.Command) error {
	path := a.text(c.Path)
	entry, err := a.inode(path)
	if err != nil {
		return err
	}
	a.made.confirmOwner(path)
	return entry.setOwner(int(c.UID), int(c.GID))
}

// setOwner keeps setuid and setgid, which the kernel takes away from files: the
// stream gives a mode only where that of the source has changed in the end.
func (i inode) setOwner(uid, gid int) error {
	st, err := i.stat()
	if err != nil || int(st.Uid) == uid && int(st.Gid) == gid {
		return err
	}
	if err := i.chown(uid, gid); err != nil {
		return err
	}
	if st.Mode&(unix.S_ISUID|unix.S_ISGID) == 0 || st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return nil
	}
	return i.chmod(st.Mode & modeBits)
}

func (a *applier) utimes(c *sendstream.Command) error {
	path := a.text(c.Path)
	times := timesOf(c)
	if a.dirs.date(path, times) {
		return nil
	}
	entry, err := a.inode(path)
	if err != nil {
		return err
	}
	return entry.setTimes(times)
}

func timesOf(c *sendstream.Command) *[2]unix.Timespec {
	return &[2]unix.Timespec{timespec(c.ATime), timespec(c.MTime)}
}

func timespec(t sendstream.Time) unix.Timespec { return unix.Timespec{Sec: t.Sec, Nsec: int64(t.Nsec)} }
