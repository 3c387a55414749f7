package receive

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxDirs bounds the directories held open during one receive.
const maxDirs = 256

// dirs keeps directories of a tree open by their path in it, and sees to it
// that a directory ends up with the times the stream gave it last: making and
// removing entries afterwards, as the kernel does in the root with its temporary
// names, must not show. It owns all its files but root.
type dirs struct {
	open map[string]*openDirectory // "" is the root and always there
}

// openDirectory is one open directory.
type openDirectory struct {
	file  *os.File
	times *[2]unix.Timespec // access, modification; to be set; nil: it has those it should have
	known *traits           // nil: not read yet
}

// spot is an entry of an open directory, to be used with the *at calls.
type spot struct {
	dir  *openDirectory
	name string // one component; "." for the root itself
}

func newDirs(root *os.File) *dirs {
	return &dirs{open: map[string]*openDirectory{"": {file: root}}}
}

// at opens the directory at path.
func (d *dirs) at(path string) (*openDirectory, error) {
	if open := d.open[path]; open != nil {
		return open, nil
	}
	file, err := openDir(d.open[""].file, path)
	if err != nil {
		return nil, err
	}
	open := &openDirectory{file: file}
	d.open[path] = open
	return open, nil
}

// spot opens the directory that holds path. The result is valid until the next
// call of trim or forget.
func (d *dirs) spot(path string) (spot, error) {
	parent, name := split(path)
	open, err := d.at(parent)
	return spot{open, name}, err
}

// change is spot for a command that makes or removes the entry.
func (d *dirs) change(path string) (spot, error) {
	s, err := d.spot(path)
	if err != nil {
		return spot{}, err
	}
	return s, s.dir.remember()
}

// date puts off the times of path if that is an open directory.
func (d *dirs) date(path string, times *[2]unix.Timespec) bool {
	open := d.open[path]
	if open != nil {
		open.times = times
	}
	return open != nil
}

// isOpen reports whether path is an open directory.
func (d *dirs) isOpen(path []byte) bool { return d.open[string(path)] != nil }

// reconsider says that the attributes of path have changed.
func (d *dirs) reconsider(path string) {
	if open := d.open[path]; open != nil {
		open.known = nil
	}
}

// forget settles and closes what is at path or below it, because the path is
// about to mean something else.
func (d *dirs) forget(path string) error {
	for p := range d.open {
		if p == path || len(p) > len(path) && p[len(path)] == '/' && strings.HasPrefix(p, path) {
			if err := d.drop(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// trim closes some directories when too many are open. Called between commands.
func (d *dirs) trim() error {
	if len(d.open) <= maxDirs { // saves 1 % of the time that small files take
		return nil
	}
	for p := range d.open {
		if len(d.open) <= maxDirs {
			return nil
		}
		if p == "" {
			continue
		}
		if err := d.drop(p); err != nil {
			return err
		}
	}
	return nil
}

func (d *dirs) drop(path string) error {
	open := d.open[path]
	delete(d.open, path)
	return errors.Join(open.settle(), open.file.Close())
}

// settle gives every directory the times it should have.
func (d *dirs) settle() error {
	for _, open := range d.open {
		if err := open.settle(); err != nil {
			return err
		}
	}
	return nil
}

// close closes all but the root and sets no times.
func (d *dirs) close() {
	for p, open := range d.open {
		if p != "" {
			release(open.file)
		}
	}
	clear(d.open)
}

// remember notes the times of the directory before its entries change.
func (d *openDirectory) remember() error {
	if d.times != nil {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(d.file.Fd()), &st); err != nil {
		return fmt.Errorf("stat directory %q: %w", d.file.Name(), err)
	}
	d.times = &[2]unix.Timespec{st.Atim, st.Mtim}
	return nil
}

func (d *openDirectory) settle() error {
	if d.times == nil {
		return nil
	}
	if err := futimens(int(d.file.Fd()), d.times); err != nil {
		return fmt.Errorf("set times of directory %q: %w", d.file.Name(), err)
	}
	d.times = nil
	return nil
}

func (s spot) fd() int { return int(s.dir.file.Fd()) }

// proc is a path for the calls that have no *at form. Those used do not follow
// a link at its end.
func (s spot) proc() string { return fmt.Sprintf("/proc/self/fd/%d/%s", s.fd(), s.name) }

// split cuts the last component off; the root is "." in itself.
func split(path string) (parent, name string) {
	if path == "" {
		return "", "."
	}
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}
