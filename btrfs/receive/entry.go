package receive

import (
	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

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

// link completes an entry that gets another name: its attributes may come under
// that one.
func (a *applier) link(c *sendstream.Command) error {
	if string(c.Target) == a.made.path {
		if err := a.complete(); err != nil {
			return err
		}
	}
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
	if err := a.complete(); err != nil {
		return err
	}
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
