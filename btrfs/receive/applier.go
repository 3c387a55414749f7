package receive

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
)

// applier puts the commands of one stream into one writable subvolume, each
// before the next. It is used by one goroutine. Its memory is bounded: at most
// maxDirs directories, maxSources snapshots and two files open, and one buffer
// of the largest extent.
type applier struct {
	root    *os.File // of the subvolume; not closed by the applier
	dirs    *dirs
	sources *sources
	target  openFile // of the last data command
	decoder decoder

	plain bool // this kernel or file system takes no encoded writes
}

// newApplier returns an applier to the subvolume root. self is what the stream
// calls the snapshot it carries, open gives what else it may clone from.
func newApplier(root *os.File, self btrfs.UUID, open Opener) *applier {
	return &applier{root: root, dirs: newDirs(root), sources: newSources(root, self, open)}
}

// apply carries out one command. The error of a bad stream is an
// [*sendstream.Error], any other is this machine's.
func (a *applier) apply(c *sendstream.Command) error {
	if err := a.dirs.trim(); err != nil {
		return err
	}
	return blame(c, a.dispatch(c))
}

func (a *applier) dispatch(c *sendstream.Command) error {
	switch c.Type {
	case sendstream.CmdSubvol, sendstream.CmdSnapshot:
		return breach(ruleFits, errors.New("a second subvolume"))
	case sendstream.CmdMkfile:
		return a.mkfile(c)
	case sendstream.CmdMkdir:
		return a.mkdir(c)
	case sendstream.CmdMknod:
		return a.mknod(c, uint32(c.Mode)&unix.S_IFMT)
	case sendstream.CmdMkfifo:
		return a.mknod(c, unix.S_IFIFO)
	case sendstream.CmdMksock:
		return a.mknod(c, unix.S_IFSOCK)
	case sendstream.CmdSymlink:
		return a.symlink(c)
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

// finish gives the directories their times. Afterwards the subvolume is as the
// stream wants it, though not yet on disk.
func (a *applier) finish() error { return a.dirs.settle() }

// close releases everything but the root.
func (a *applier) close() {
	a.dirs.close()
	a.sources.close()
	release(&a.target)
	a.decoder.close()
}

// closeFiles closes the files that are known by paths beneath the root.
func (a *applier) closeFiles() error {
	release(&a.sources.file)
	return a.target.Close()
}
