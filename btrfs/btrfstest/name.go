package btrfstest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

func (m *mutator) mkdir() error {
	path := m.newPath()
	if err := os.Mkdir(m.full(path), fs.FileMode(m.rng.IntN(0o1000))); err != nil {
		return err
	}
	m.add(path, fs.ModeDir)
	return nil
}

// mkdirDeep makes a chain of up to 40 directories.
func (m *mutator) mkdirDeep() error {
	path := m.directory()
	for range 2 + m.rng.IntN(39) {
		path = filepath.Join(path, m.newName())
		if len(path) > longestPath {
			return nil
		}
		if err := os.Mkdir(m.full(path), 0o755); err != nil {
			return err
		}
		m.add(path, fs.ModeDir)
	}
	return nil
}

// symlink makes one that stays in the tree: to a path below its own directory,
// dangling, or of the longest text btrfs takes.
func (m *mutator) symlink() error {
	path := m.newPath()
	text := "../missing/" + m.newName()
	switch m.rng.IntN(4) {
	case 0:
		text = strings.Repeat("long/", m.rng.IntN(750)) + "end"
	case 1, 2:
		text = m.below(filepath.Dir(path))
	}
	if err := os.Symlink(text, m.full(path)); err != nil {
		return err
	}
	m.add(path, fs.ModeSymlink)
	return nil
}

// below draws a path in dir, relative to it.
func (m *mutator) below(dir string) string {
	n, err := m.pick(func(n node) bool { return dir == "." || strings.HasPrefix(n.path, dir+"/") })
	if err != nil {
		return "nothing-there"
	}
	if dir == "." {
		return n.path
	}
	return n.path[len(dir)+1:]
}

// link gives a file of any type a further name.
func (m *mutator) link() error {
	n, err := m.pick(node.isFile)
	if err != nil {
		return err
	}
	path := m.newPath()
	if err := os.Link(m.full(n.path), m.full(path)); err != nil {
		return err
	}
	m.add(path, n.kind)
	return nil
}

func (m *mutator) renameFile() error {
	n, err := m.pick(node.isFile)
	if err != nil {
		return err
	}
	return m.rename(n.path, m.newPath())
}

func (m *mutator) renameDirectory() error {
	n, err := m.pick(node.isDir)
	if err != nil {
		return err
	}
	return m.rename(n.path, m.newPath())
}

func (m *mutator) rename(from, to string) error {
	if within(to, from) || !m.fits(from, to) {
		return errNothing
	}
	if err := os.Rename(m.full(from), m.full(to)); err != nil {
		return err
	}
	m.moved(from, to)
	return nil
}

// renameOver puts a file in place of another, or a directory in place of an empty
// one. Two names of one file are no choice: rename(2) then leaves both.
func (m *mutator) renameOver() error {
	from := m.any()
	to, err := m.pick(func(n node) bool { return n.isDir() == from.isDir() })
	if err != nil || from.path == "." || m.sameFile(from.path, to.path) || !m.fits(from.path, to.path) {
		return errNothing
	}
	if err := os.Rename(m.full(from.path), m.full(to.path)); err != nil {
		return err
	}
	m.drop(to.path)
	m.moved(from.path, to.path)
	return nil
}

func (m *mutator) sameFile(a, b string) bool {
	x, errX := os.Lstat(m.full(a))
	y, errY := os.Lstat(m.full(b))
	return errX != nil || errY != nil || os.SameFile(x, y)
}

// exchange swaps two paths of any type, none below the other.
func (m *mutator) exchange() error {
	a, b := m.any().path, m.any().path
	if a == "." || b == "." || within(a, b) || within(b, a) || !m.fits(a, b) || !m.fits(b, a) {
		return errNothing
	}
	err := unix.Renameat2(unix.AT_FDCWD, m.full(a), unix.AT_FDCWD, m.full(b), unix.RENAME_EXCHANGE)
	if err != nil {
		return &os.LinkError{Op: "exchange", Old: a, New: b, Err: err}
	}
	aside := fmt.Sprintf("/%d", m.serial) // no path of ours begins with a slash
	m.moved(a, aside)
	m.moved(b, a)
	m.moved(aside, b)
	return nil
}

func (m *mutator) remove() error { return m.removeOne(node.isFile) }

// rmdir removes an empty directory.
func (m *mutator) rmdir() error { return m.removeOne(node.isDir) }

func (m *mutator) removeOne(want func(node) bool) error {
	n, err := m.pick(want)
	if err != nil {
		return err
	}
	if err := os.Remove(m.full(n.path)); err != nil {
		return err
	}
	m.drop(n.path)
	return nil
}

// rmtree removes a directory with all below it, but not half of the tree at once.
func (m *mutator) rmtree() error {
	n, err := m.pick(node.isDir)
	if err != nil {
		return err
	}
	below := 0
	for _, other := range m.nodes {
		if within(other.path, n.path) {
			below++
		}
	}
	if below > 10+len(m.nodes)/10 {
		return errNothing
	}
	if err := os.RemoveAll(m.full(n.path)); err != nil {
		return err
	}
	m.drop(n.path)
	return nil
}
