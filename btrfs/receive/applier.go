package receive

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
)

// applier puts the commands of one stream into one writable subvolume.
//
// It does what they say with fewer system calls than there are commands. A
// command that makes an entry under a temporary name waits for the next one, which
// as a rule gives the entry its own; a new file stays open for its data and attributes; what is as
// it should be already is not set again; and directories get their times late.
// All else is done before apply returns, so that nothing of the stream is kept.
//
// New entries get the permissions of the last ones, which saves most a chmod.
// Until theirs arrive they may be too wide: the subvolume must lie where nobody
// else can reach it.
//
// What fills a new file is left to the rear, which does it while the next entries
// are made; its errors are told some commands later.
//
// It is used by one goroutine. Its memory is bounded: at most maxDirs
// directories, maxSources snapshots, two files and those of the trail and the rear
// open, one command that waits, the loads of the rear, one buffer of the largest
// extent, and the ledger.
type applier struct {
	root    *os.File // of the subvolume; not closed by the applier
	dirs    *dirs
	sources *sources
	target  openFile // made, or written to, last; none: the rear has it
	rear    rear
	content // while the rear is busy its own

	encoded int // writes of compressed extents since all was on disk

	last string             // path that was asked for as text
	held sendstream.Command // makes an entry and waits for its name; of type 0: none
	made made
	perm perm // of the next entry, a guess
}

// newApplier returns an applier to the subvolume root. self is what the stream
// calls the snapshot it carries, open gives what else it may clone from.
func newApplier(root *os.File, self btrfs.UUID, open Opener) *applier {
	a := &applier{
		root: root, dirs: newDirs(root), sources: newSources(root, self, open),
		perm: newPerm(),
	}
	a.rear.content = &a.content
	return a
}

// apply carries out one command, and first one that waited. The error of a bad
// stream is an [*sendstream.Error] about the command at fault, which may be the
// one that waited; any other is this machine's.
func (a *applier) apply(c *sendstream.Command) error {
	if err := a.dirs.trim(); err != nil {
		return err
	}
	if !a.made.mayConfirm(c) {
		if err := a.strip(); err != nil {
			return err
		}
	}
	if a.mayDefer(c) {
		return a.deferToRear(c)
	}
	if a.mustRecall(c) {
		if err := a.recall(); err != nil {
			return err
		}
	}
	if a.named(c) {
		return a.makeNamed(c)
	}
	if err := a.makeHeld(); err != nil {
		return err
	}
	if makesEntry(c.Type) {
		return blame(c, a.make(c))
	}
	return blame(c, a.dispatch(c))
}

func (a *applier) dispatch(c *sendstream.Command) error {
	switch c.Type { //nolint:exhaustive // for those that make an entry see apply
	case sendstream.CmdSubvol, sendstream.CmdSnapshot:
		return breach(ruleFits, errors.New("a second subvolume"))
	case sendstream.CmdRename:
		return a.rename(c)
	case sendstream.CmdLink:
		return a.link(c)
	case sendstream.CmdUnlink:
		return a.remove(c, 0)
	case sendstream.CmdRmdir:
		return a.remove(c, unix.AT_REMOVEDIR)
	case sendstream.CmdSetXattr:
		return a.setXattr(c)
	case sendstream.CmdRemoveXattr:
		return a.removeXattr(c)
	case sendstream.CmdChmod:
		return a.chmod(c)
	case sendstream.CmdChown:
		return a.chown(c)
	case sendstream.CmdUtimes:
		return a.utimes(c)
	case sendstream.CmdFileattr:
		return a.fileattr(c)
	case sendstream.CmdWrite:
		return a.write(c)
	case sendstream.CmdEncodedWrite:
		return a.encodedWrite(c)
	case sendstream.CmdClone:
		return a.clone(c)
	case sendstream.CmdTruncate:
		return a.truncate(c)
	case sendstream.CmdFallocate:
		return a.fallocate(c)
	case sendstream.CmdUpdateExtent:
		return breach(ruleNoData, nil)
	case sendstream.CmdEnd:
		return nil
	}
	return breach(ruleFits, errors.New("the command is not known"))
}

// text returns a path as a string, which for most commands is that of the one
// before: this saves most of what would be allocated.
func (a *applier) text(path []byte) string {
	if string(path) != a.last {
		a.last = string(path)
	}
	return a.last
}

// drain does all that was put off: the subvolume is then as the commands so far
// want it, though not yet on disk. More commands may follow.
func (a *applier) drain() error {
	if err := a.recall(); err != nil {
		return err
	}
	if err := a.makeHeld(); err != nil {
		return err
	}
	if err := a.complete(); err != nil {
		return err
	}
	a.trail.wait()
	return a.dirs.settle()
}

// full reports whether the ledger may not take more. While the rear is busy, only
// that can look into it.
func (a *applier) full() bool { return a.encoded >= maxEncoded }

// writeOut brings all that was written so far to disk.
func (a *applier) writeOut() error {
	if err := a.recall(); err != nil {
		return err
	}
	a.encoded = 0
	return a.ledger.writeOut(a.root)
}

// finish is drain after the last command.
func (a *applier) finish() error { return a.drain() }

// close releases everything but the root.
func (a *applier) close() {
	a.dirs.close()
	a.sources.close()
	a.rear.close()
	release(&a.target)
	a.trail.wait()
	a.decoder.close()
}

// closeFiles closes the files that are known by paths beneath the root.
func (a *applier) closeFiles() error {
	release(&a.sources.file)
	return a.leaveFile()
}
