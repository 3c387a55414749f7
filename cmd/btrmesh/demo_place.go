package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"btrmesh/mesh/control"
)

// demoPlace is the directory a demo works in.
type demoPlace struct {
	dir  string // absolute
	keep bool   // it stays
}

// makePlace makes the directory keep, or else one that is removed in the end, in
// the directory temporary or where large files may be.
func makePlace(keep, temporary string) (demoPlace, error) {
	if keep != "" {
		return makeKept(keep)
	}
	for _, base := range []string{temporary, "/var/tmp", "/tmp"} {
		if info, err := os.Stat(base); err != nil || !info.IsDir() {
			continue
		}
		dir, err := os.MkdirTemp(base, "btrmesh-demo-")
		if err != nil {
			return demoPlace{}, badPlace(err)
		}
		return demoPlace{dir: dir}, nil
	}
	return demoPlace{}, badPlace(errors.New("neither TMPDIR nor /var/tmp nor /tmp is a directory"))
}

// makeKept takes a new or empty directory only: what is there is never mixed
// with what the demo makes.
func makeKept(dir string) (demoPlace, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return demoPlace{}, badPlace(err)
	}
	err = os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		err = checkEmpty(dir)
	}
	if err != nil {
		return demoPlace{}, badPlace(err)
	}
	return demoPlace{dir: dir, keep: true}, nil
}

func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty", dir)
	}
	return err
}

func badPlace(err error) error {
	return control.Errorf(codeDemoBadPlace, "no place for the demo: %v.", err).Hint("sudo btrmesh demo --keep DIR")
}

// remove removes the directory unless it is to be kept.
func (p demoPlace) remove() error {
	if p.keep {
		return nil
	}
	return os.RemoveAll(p.dir)
}

// inode tells the directory from others that are copied.
func (p demoPlace) inode() (inode, error) {
	st, err := lstat(p.dir)
	if err != nil {
		return inode{}, err
	}
	return inodeOf(st), nil
}

// free returns the bytes left on the file system of the directory.
func (p demoPlace) free() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(p.dir, &st); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: p.dir, Err: err}
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// checkFree refuses a directory that three copies of a tree do not fit into.
func (p demoPlace) checkFree(tree demoSize, units control.Units) error {
	const overhead = 256 << 20 // of each image, for logs and changes
	free, err := p.free()
	if err != nil {
		return err
	}
	need := 3 * (tree.onDisk() + overhead)
	if free >= need {
		return nil
	}
	return control.Errorf(codeDemoNoSpace, "%s has %s free, and three copies of %s in %s need ~%s.",
		p.dir, units.Size(free), units.Size(tree.bytes), control.Count(tree.paths, "path"), units.Size(need)).
		Fact("take a smaller tree with --from DIR, or a larger disk with --keep DIR or TMPDIR")
}

// longestSocket is the longest path of a unix socket (sun_path, unix(7)).
const longestSocket = 107

// checkLength refuses a directory too deep for sockets in it.
func (p demoPlace) checkLength(sockets []string) error {
	for _, socket := range sockets {
		if len(socket) > longestSocket {
			return badPlace(fmt.Errorf("%s is too deep for a socket, whose path has at most %d bytes", strings.TrimSuffix(p.dir, "/"), longestSocket))
		}
	}
	return nil
}
