package receive

import (
	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

func (a *applier) setXattr(c *sendstream.Command) error {
	s, err := a.dirs.spot(string(c.Path))
	if err != nil {
		return err
	}
	a.dirs.reconsider(string(c.Path))
	return unix.Lsetxattr(s.proc(), string(c.Name), c.Data, 0)
}

// removeXattr does not mind an attribute that is not there: the kernel sends
// the removal of a file's capability after the chown that removed it.
func (a *applier) removeXattr(c *sendstream.Command) error {
	s, err := a.dirs.spot(string(c.Path))
	if err != nil {
		return err
	}
	a.dirs.reconsider(string(c.Path))
	if err := unix.Lremovexattr(s.proc(), string(c.Name)); err != nil && !absent(err) {
		return err
	}
	return nil
}

// chmod never meets a symbolic link in an honest stream: they have no mode.
func (a *applier) chmod(c *sendstream.Command) error {
	s, err := a.dirs.spot(string(c.Path))
	if err != nil {
		return err
	}
	mode, err := s.mode()
	if err != nil {
		return err
	}
	if mode&unix.S_IFMT == unix.S_IFLNK {
		return breach(ruleSymlink, nil)
	}
	return unix.Fchmodat(s.fd(), s.name, uint32(c.Mode)&0o7777, 0)
}

func (a *applier) chown(c *sendstream.Command) error {
	s, err := a.dirs.spot(string(c.Path))
	if err != nil {
		return err
	}
	return unix.Fchownat(s.fd(), s.name, int(c.UID), int(c.GID), unix.AT_SYMLINK_NOFOLLOW)
}

func (a *applier) utimes(c *sendstream.Command) error {
	s, err := a.dirs.spot(string(c.Path))
	if err != nil {
		return err
	}
	a.dirs.dated(string(c.Path))
	times := []unix.Timespec{timespec(c.ATime), timespec(c.MTime)}
	return unix.UtimesNanoAt(s.fd(), s.name, times, unix.AT_SYMLINK_NOFOLLOW)
}

func timespec(t sendstream.Time) unix.Timespec { return unix.Timespec{Sec: t.Sec, Nsec: int64(t.Nsec)} }
