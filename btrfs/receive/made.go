package receive

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

// made is the entry made last, and what it has that no command gave it.
//
// It took extended attributes and a group from its directory. The stream sets the
// attributes it wants next; the others are removed then, before there is data to
// which they would apply. Its mode is a guess. Mode and owner follow the data, and
// when they do not, they become what a stream may rely on: those of a new entry
// in the root.
type made struct {
	path        string
	names       []string // of extended attributes that were taken and not set since
	mode, owner bool     // not given yet
}

// mayConfirm reports whether c may set an attribute that was taken.
func (m *made) mayConfirm(c *sendstream.Command) bool {
	return len(m.names) == 0 || c.Type == sendstream.CmdSetXattr && string(c.Path) == m.path
}

// confirm says that the stream sets the attribute. It reports whether it was
// taken. An access ACL brings the mode with it.
func (m *made) confirm(path, name string) bool {
	if path != m.path {
		return false
	}
	m.mode = m.mode && name != xattrACL
	i := slices.Index(m.names, name)
	if i < 0 {
		return false
	}
	m.names = slices.Delete(m.names, i, i+1)
	return true
}

func (m *made) confirmMode(path string)  { m.mode = m.mode && path != m.path }
func (m *made) confirmOwner(path string) { m.owner = m.owner && path != m.path }

// strip removes the attributes that the last entry took and the stream did not
// set.
func (a *applier) strip() error {
	if len(a.made.names) == 0 {
		return nil
	}
	entry, err := a.inode(a.made.path)
	if err != nil {
		return err
	}
	for _, name := range a.made.names {
		if err := entry.removeXattr(name); err != nil {
			return fmt.Errorf("remove inherited %s of %q: %w", name, a.made.path, err)
		}
	}
	a.made.names = nil
	return nil
}

// complete gives the last entry all that no command gave it. It comes before
// anything that ends its time as the last one or changes its path.
func (a *applier) complete() error {
	if err := a.strip(); err != nil {
		return err
	}
	if !a.made.mode && !a.made.owner {
		return nil
	}
	entry, err := a.inode(a.made.path)
	if err != nil {
		return err
	}
	if a.made.owner {
		err = entry.setOwner(os.Geteuid(), os.Getegid())
	}
	if a.made.mode {
		err = errors.Join(err, entry.resetMode())
	}
	if err != nil {
		return fmt.Errorf("complete new entry %q: %w", a.made.path, err)
	}
	a.made = made{}
	return nil
}

// resetMode gives a new entry the permissions it has without a word of the
// stream.
func (i inode) resetMode() error {
	st, err := i.stat()
	if err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return i.chmod(newDirMode)
	}
	return i.chmod(newFileMode)
}

// perm is what permissions new entries are made with.
type perm struct{ file, dir uint32 }

// newPerm is right without a chmod.
func newPerm() perm { return perm{file: newFileMode, dir: newDirMode} }

// guess says that an inode of that type and mode now has the permissions: the
// next one likely will.
func (p *perm) guess(mode, permissions uint32) {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		p.file = permissions & permBits
	case unix.S_IFDIR:
		p.dir = permissions & permBits
	}
}
