package receive

import (
	"bytes"
	"errors"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

// Permissions of the first entries, until the stream's chmod.
const (
	newFileMode = 0o600
	newDirMode  = 0o700
)

// makesEntry reports whether commands of type t make a new inode.
func makesEntry(t sendstream.Type) bool {
	return sendstream.CmdMkfile <= t && t <= sendstream.CmdSymlink
}

// make carries out a command that makes an entry, or keeps it until the next
// command if the entry is to get another name.
//
// SEND makes every inode under a temporary name in the root, unused in the
// snapshot and in its parent, and renames it next. Other first names are taken as
// they come: what they say about a tree, such as that a file is not there yet,
// has to be looked at.
func (a *applier) make(c *sendstream.Command) error {
	if isTemporary(c.Path) {
		a.hold(c)
		return nil
	}
	path := a.text(c.Path)
	s, err := a.dirs.change(path)
	if err != nil {
		return err
	}
	return a.create(c, s, path)
}

// hold keeps a command that makes an entry until the next one.
func (a *applier) hold(c *sendstream.Command) {
	path, target := append(a.held.Path[:0], c.Path...), append(a.held.Target[:0], c.Target...)
	a.held = *c
	a.held.Path, a.held.Target = path, target
}

// unhold forgets the command but keeps its memory.
func (a *applier) unhold() { a.held.Type = 0 }

// named reports whether c gives the entry that waits its name.
func (a *applier) named(c *sendstream.Command) bool {
	return a.held.Type != 0 && c.Type == sendstream.CmdRename && bytes.Equal(c.Path, a.held.Path)
}

// isTemporary reports whether path is one that gen_unique_name of
// fs/btrfs/send.c makes: "o", then inode, generation and a counter, with dashes
// between.
func isTemporary(path []byte) bool {
	if len(path) < len("o0-0-0") || path[0] != 'o' {
		return false
	}
	dashes, digits := 0, 0
	for _, b := range path[1:] {
		switch {
		case '0' <= b && b <= '9':
			digits++
		case b == '-' && digits > 0:
			dashes, digits = dashes+1, 0
		default:
			return false
		}
	}
	return dashes == 2 && digits > 0
}

// makeHeld makes the entry that waits, if there is one, under its first name.
func (a *applier) makeHeld() error {
	if a.held.Type == 0 {
		return nil
	}
	defer a.unhold()
	path := string(a.held.Path)
	s, err := a.dirs.change(path)
	if err != nil {
		return blame(&a.held, err)
	}
	return blame(&a.held, a.create(&a.held, s, path))
}

// makeNamed makes the entry that waits under its final name or, where that would
// come out differently, under the first one, and renames it.
func (a *applier) makeNamed(rename *sendstream.Command) error {
	made, err := a.makeAt(string(rename.To))
	if made || err != nil {
		return blame(rename, err)
	}
	if err := a.recall(); err != nil {
		return err
	}
	if err := a.makeHeld(); err != nil {
		return err
	}
	return blame(rename, a.rename(rename))
}

// makeAt makes the entry that waits at path, unless something is there or the
// directory would mark it in a way that cannot be undone.
func (a *applier) makeAt(path string) (bool, error) {
	s, err := a.dirs.change(path)
	if err != nil {
		return false, err
	}
	alike, err := a.dirs.marksAlike(s.dir)
	if err != nil || !alike {
		return false, err
	}
	err = a.create(&a.held, s, path)
	if errors.Is(err, unix.EEXIST) {
		return false, nil
	}
	a.unhold()
	return true, err
}

// create makes the entry of c at s, which is path.
func (a *applier) create(c *sendstream.Command, s spot, path string) error {
	if err := a.complete(); err != nil {
		return err
	}
	if err := a.makeEntry(c, s, path); err != nil {
		return err
	}
	t, err := s.dir.traits()
	if err != nil {
		return err
	}
	a.made = made{path: path, names: t.inherited(c.Type), mode: c.Type != sendstream.CmdSymlink, owner: true}
	return nil
}

func (a *applier) makeEntry(c *sendstream.Command, s spot, path string) error {
	switch c.Type { //nolint:exhaustive // the rest makes no entry
	case sendstream.CmdMkfile:
		return a.makeFile(s, path)
	case sendstream.CmdMkdir:
		return unix.Mkdirat(s.fd(), s.name, a.perm.dir)
	case sendstream.CmdSymlink:
		return unix.Symlinkat(string(c.Target), s.fd(), s.name)
	case sendstream.CmdMkfifo:
		return s.makeNode(unix.S_IFIFO, c)
	case sendstream.CmdMksock:
		return s.makeNode(unix.S_IFSOCK, c)
	}
	return s.makeNode(uint32(c.Mode)&unix.S_IFMT, c)
}

// makeFile makes an empty file and leaves it open.
func (a *applier) makeFile(s spot, path string) error {
	if err := a.leaveFile(); err != nil {
		return err
	}
	const flags = unix.O_CREAT | unix.O_EXCL | unix.O_RDWR | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(s.fd(), s.name, flags, a.perm.file)
	if err != nil {
		return err
	}
	a.target = openFile{path: path, open: true, fd: fd}
	return nil
}

// makeNode makes a device, a fifo or a socket. The kernel says its mode at once.
func (s spot) makeNode(kind uint32, c *sendstream.Command) error {
	return unix.Mknodat(s.fd(), s.name, kind|uint32(c.Mode)&permBits, int(device(c.Rdev)))
}

// device turns a number as new_encode_dev of linux/kdev_t.h packs it into one
// for mknod(2): minor low 8 bits, major 12 bits, minor high 12 bits.
func device(packed uint64) uint64 {
	major := packed & 0xfff00 >> 8
	minor := packed&0xff | packed>>12&0xfff00
	return unix.Mkdev(uint32(major), uint32(minor))
}

// permBits are the permissions without setuid, setgid and sticky.
const permBits = 0o777
