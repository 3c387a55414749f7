package btrfs

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

// fullTree turns the items of a tree, in their order, into the commands of a full
// stream. It makes no system call but through the catalog.
//
// Each inode is made under its first name, its directories before it. A
// directory takes part of its properties from the one it is in when it is made,
// and loses its time whenever something is made in it: so extended attributes and
// times of directories come at the end of the stream. Of a file, the attributes
// come before the content, which they may compress, but for its capabilities,
// which writing and chown remove.
//
//	subvol, chown and chmod of the top
//	each inode: made, links, attributes, content, truncate, chown, chmod, capabilities, times
//	each directory: attributes, times
//	end
//
// Without a name an inode is not sent: it was open and unlinked.
type fullTree struct {
	form    fullForm
	catalog catalog
	out     composition
	paths   paths
	content content

	early map[uint64]struct{} // directories above at.ino that were made
	dirs  []uint64            // directories, in their order
	at    fullInode
}

// fullForm is what all of a stream goes by.
type fullForm struct {
	uuid     UUID // by which the receiver knows the snapshot
	ctransid uint64
	version  uint32
	packed   bool   // compressed extents go as they are
	sector   uint64 // size of one, in bytes
	settled  uint64 // transaction up to which addresses of extents can be compared
}

// composition takes the commands.
type composition interface {
	add(c *sendstream.Command) error
	// addRead adds one whose data has to be read.
	addRead(c *sendstream.Command, r reading) error
}

// fullInode is the inode that the items are about.
type fullInode struct {
	entry
	ino          uint64
	path         []byte // nil: it has no name so far
	capabilities []byte // nil: none
}

func newFullTree(f fullForm, twice seenTwice, c catalog, out composition) *fullTree {
	t := &fullTree{form: f, catalog: c, out: out, early: make(map[uint64]struct{})}
	t.paths.catalog = c
	t.content = content{form: f, out: out, twice: twice, pathOf: t.pathOf}
	return t
}

// begin adds what comes before all inodes.
func (t *fullTree) begin(name string) error {
	return t.out.add(&sendstream.Command{
		Type: sendstream.CmdSubvol, Path: []byte(name), UUID: t.form.uuid, CTransID: t.form.ctransid,
	})
}

// add takes the next item.
func (t *fullTree) add(it item) error {
	if it.id != t.at.ino {
		if err := t.finish(); err != nil {
			return err
		}
		t.at = fullInode{ino: it.id}
	}
	return t.blame(t.take(it))
}

func (t *fullTree) blame(err error) error {
	if err == nil {
		return nil
	}
	if t.at.path == nil {
		return fmt.Errorf("inode %d: %w", t.at.ino, err)
	}
	return fmt.Errorf("%q: %w", t.at.path, err)
}

func (t *fullTree) take(it item) error {
	switch it.kind {
	case typeInodeItem:
		return t.inode(it.data)
	case typeInodeRef, typeInodeExtref:
		if it.id != rootInode {
			return eachRef(it, t.named)
		}
	case typeXattr:
		if t.at.path != nil && t.at.kind() != unix.S_IFDIR {
			return eachXattr(it, t.xattr)
		}
	case typeExtentData:
		if t.at.path != nil && t.at.kind() == unix.S_IFREG {
			return t.content.add(it)
		}
	}
	return nil
}

func (t *fullTree) inode(data []byte) error {
	var err error
	if t.at.inodeItem, err = inodeItemOf(data); err != nil || t.at.ino != rootInode {
		return err
	}
	t.dirs = append(t.dirs, rootInode)
	return t.addAll(t.at.owner(nil), t.at.permissions(nil))
}

// named takes a name of the current inode. The first one brings the inode itself,
// the others are links to it.
func (t *fullTree) named(dir uint64, name []byte) error {
	if t.at.mode == 0 {
		return errCutInode
	}
	if err := t.needDir(dir); err != nil {
		return err
	}
	path, err := t.paths.in(dir, string(name))
	if err != nil {
		return err
	}
	if t.at.path != nil {
		return t.addAll(sendstream.Command{Type: sendstream.CmdLink, Path: []byte(path), Target: t.at.path})
	}
	t.at.path = []byte(path)
	return t.first()
}

// first makes the current inode, unless it is a directory that was needed before.
func (t *fullTree) first() error {
	switch t.at.kind() {
	case unix.S_IFDIR:
		t.dirs = append(t.dirs, t.at.ino)
		if _, made := t.early[t.at.ino]; made {
			delete(t.early, t.at.ino)
			return nil
		}
		return t.makeDir(t.at.ino, &t.at.inodeItem, t.at.path)
	case unix.S_IFLNK:
		target, err := t.catalog.target(t.at.ino)
		if err != nil {
			return err
		}
		return t.addAll(t.at.making(t.at.ino, t.at.path, target))
	case unix.S_IFREG:
		t.content.begin(t.at.ino, t.at.size, t.at.path)
	}
	return t.addAll(t.at.making(t.at.ino, t.at.path, nil))
}

func (t *fullTree) makeDir(ino uint64, i *inodeItem, path []byte) error {
	return t.addAll(i.making(ino, path, nil), i.owner(path), i.permissions(path))
}

// needDir makes a directory now whose turn is to come, and those it is in.
func (t *fullTree) needDir(dir uint64) error {
	var above []uint64
	var entries []entry
	for t.isToCome(dir) && len(above) <= maxPathLen/2 {
		e, err := t.catalog.entry(dir)
		if err != nil {
			return err
		}
		above, entries = append(above, dir), append(entries, e)
		dir = e.dir
	}
	for i := len(above) - 1; i >= 0; i-- {
		path, err := t.paths.in(entries[i].dir, entries[i].name)
		if err != nil {
			return err
		}
		if err := t.makeDir(above[i], &entries[i].inodeItem, []byte(path)); err != nil {
			return err
		}
		t.early[above[i]] = struct{}{}
	}
	return nil
}

func (t *fullTree) isToCome(dir uint64) bool {
	_, made := t.early[dir]
	return dir > t.at.ino && !made
}

const capabilityName = "security.capability"

func (t *fullTree) xattr(name, value []byte) error {
	if string(name) == capabilityName {
		t.at.capabilities = bytes.Clone(value)
		return nil
	}
	return t.addAll(setXattr(t.at.path, name, value))
}

func setXattr(path, name, value []byte) sendstream.Command {
	return sendstream.Command{Type: sendstream.CmdSetXattr, Path: path, Name: name, Data: value}
}

// finish adds what comes behind the content of the current inode.
func (t *fullTree) finish() error {
	if t.at.path == nil || t.at.kind() == unix.S_IFDIR {
		return nil
	}
	return t.blame(t.finishFile())
}

func (t *fullTree) finishFile() error {
	if t.at.kind() == unix.S_IFREG {
		if err := t.content.finish(); err != nil {
			return err
		}
	}
	last := make([]sendstream.Command, 0, 4)
	last = append(last, t.at.owner(t.at.path))
	if t.at.kind() != unix.S_IFLNK {
		last = append(last, t.at.permissions(t.at.path))
	}
	if t.at.capabilities != nil {
		last = append(last, setXattr(t.at.path, []byte(capabilityName), t.at.capabilities))
	}
	return t.addAll(append(last, t.at.times(t.at.path))...)
}

// end adds what comes behind all inodes, but for the end command.
func (t *fullTree) end() error {
	if err := t.finish(); err != nil {
		return err
	}
	for _, dir := range t.dirs {
		t.at = fullInode{ino: dir}
		if err := t.blame(t.finishDir(dir)); err != nil {
			return err
		}
	}
	return nil
}

func (t *fullTree) finishDir(dir uint64) error {
	path, err := t.pathOf(dir)
	if err != nil {
		return err
	}
	err = t.catalog.xattrs(dir, func(name, value []byte) error { return t.addAll(setXattr(path, name, value)) })
	if err != nil {
		return err
	}
	e, err := t.catalog.entry(dir)
	if err != nil {
		return err
	}
	return t.addAll(e.times(path))
}

// pathOf looks up the path that an inode is made under.
func (t *fullTree) pathOf(ino uint64) ([]byte, error) {
	if ino == rootInode {
		return nil, nil
	}
	e, err := t.catalog.entry(ino)
	if err != nil {
		return nil, err
	}
	path, err := t.paths.in(e.dir, e.name)
	return []byte(path), err
}

func (t *fullTree) addAll(commands ...sendstream.Command) error {
	for i := range commands {
		if err := t.out.add(&commands[i]); err != nil {
			return err
		}
	}
	return nil
}
