package receive

import (
	"errors"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

// mayDefer reports whether the rear can carry c out: a command about the file that
// was made last. A stream of little data is not worth it.
func (a *applier) mayDefer(c *sendstream.Command) bool {
	if a.held.Type != 0 || !a.rear.takes(c.Type) {
		return false
	}
	if a.rear.path != "" {
		return string(c.Path) == a.rear.path
	}
	return a.target.file == nil && a.target.is(string(c.Path)) && a.target.path == a.made.path &&
		(a.rear.busy || !a.ledger.isSmall())
}

// deferToRear leaves c to the rear.
func (a *applier) deferToRear(c *sendstream.Command) error {
	path := a.text(c.Path)
	switch c.Type { //nolint:exhaustive // the rest is of no interest later
	case sendstream.CmdChown:
		a.made.confirmOwner(path)
	case sendstream.CmdChmod:
		a.made.confirmMode(path)
		a.perm.guess(unix.S_IFREG, uint32(c.Mode)&modeBits)
	case sendstream.CmdEncodedWrite:
		a.encoded++
	}
	if a.rear.path != "" {
		return a.rear.goOn(c)
	}
	file := a.target
	a.target = openFile{}
	return a.rear.begin(file, c)
}

// mustRecall reports whether c may be about a file that the rear has, or about what
// is in files. What only makes an entry, or dates a directory, is not, nor what is
// about the last entry as long as the rear does not have it.
func (a *applier) mustRecall(c *sendstream.Command) bool {
	switch {
	case !a.rear.busy || a.named(c):
		return false
	case makesEntry(c.Type):
		return a.made.mode || a.made.owner
	case a.held.Type != 0:
		return true
	}
	switch c.Type { //nolint:exhaustive // all others must
	case sendstream.CmdUtimes:
		return !a.dirs.isOpen(c.Path) && !a.isAside(c.Path)
	case sendstream.CmdChown, sendstream.CmdChmod, sendstream.CmdSetXattr, sendstream.CmdRemoveXattr:
		return !a.isAside(c.Path)
	}
	return true
}

// isAside reports whether path is that of the last entry, and the rear does not have
// it. It has no other name: to give it one ends the rear's work.
func (a *applier) isAside(path []byte) bool {
	return string(path) == a.made.path && a.made.path != a.rear.path
}

// recall waits for the rear and takes its file back if it is not done with.
func (a *applier) recall() error {
	wanted := a.rear.path != ""
	file, err := a.rear.recall()
	if !wanted || err != nil {
		return errors.Join(err, a.leave(&file))
	}
	if file.open {
		a.target = file
	}
	return nil
}
