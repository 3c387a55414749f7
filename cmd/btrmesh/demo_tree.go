package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// demoTree is the tree a demo fills its share from.
type demoTree struct {
	dir   string
	limit int64 // bytes of content to take at most; 0: all
	skip  inode // a directory to leave out; zero: none
}

// inode is what a file is, whatever its names.
type inode struct{ device, number uint64 }

// demoSize is how much there is in a tree.
type demoSize struct {
	paths int64 // of all types, directories included
	bytes int64 // of content
}

// onDisk returns the bytes that btrfs may take for as much, metadata twice.
func (s demoSize) onDisk() int64 {
	const block, item = 4096, 2048
	return s.bytes + s.paths*(block+item)
}

// chooseTree returns the tree to fill from: the given one in full, or so much of
// one that every machine has as is read in a moment.
func chooseTree(given string) (demoTree, error) {
	if given != "" {
		return openTree(given, 0)
	}
	const enough = 256 << 20
	var failed []error
	for _, dir := range []string{"/usr/share", "/usr/lib", "/etc"} {
		tree, err := openTree(dir, enough)
		if err == nil {
			return tree, nil
		}
		failed = append(failed, err)
	}
	return demoTree{}, errors.Join(failed...)
}

func openTree(dir string, limit int64) (demoTree, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return demoTree{}, fmt.Errorf("fill from: %w", err)
	}
	info, err := os.Stat(real)
	if err != nil {
		return demoTree{}, fmt.Errorf("fill from: %w", err)
	}
	if !info.IsDir() {
		return demoTree{}, fmt.Errorf("fill from %s: %w", dir, unix.ENOTDIR)
	}
	return demoTree{dir: real, limit: limit}, nil
}

// walk calls visit for everything in the tree in the order of names, the tree
// itself first as ".". Like cp -x it stays on one file system. What goes away
// meanwhile is left out, since the tree may be in use; its top may not.
func (t demoTree) walk(ctx context.Context, visit func(rel string, st *unix.Stat_t) error) error {
	top, err := lstat(t.dir)
	if err != nil {
		return err
	}
	var seen demoSize
	return filepath.WalkDir(t.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return unlessGone(err)
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		st, err := lstat(path)
		if err != nil {
			return unlessGone(err)
		}
		if isDir(st) && (st.Dev != top.Dev || inodeOf(st) == t.skip) {
			return fs.SkipDir
		}
		if seen.add(st); t.limit > 0 && seen.bytes > t.limit {
			return fs.SkipAll
		}
		rel, err := filepath.Rel(t.dir, path)
		if err != nil {
			return err
		}
		return unlessGone(visit(rel, st))
	})
}

func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func isDir(st *unix.Stat_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFDIR }

func lstat(path string) (*unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return nil, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	return &st, nil
}

func inodeOf(st *unix.Stat_t) inode { return inode{st.Dev, st.Ino} }

// errTooLong is why a tree was not measured.
var errTooLong = errors.New("counting took too long")

// measure counts what walk would visit. A tree that is not counted within
// patience fails with errTooLong, and the size is what was seen so far.
func (t demoTree) measure(ctx context.Context, patience time.Duration) (demoSize, error) {
	ctx, stop := context.WithTimeoutCause(ctx, patience, errTooLong)
	defer stop()
	var size demoSize
	err := t.walk(ctx, func(_ string, st *unix.Stat_t) error {
		size.add(st)
		return nil
	})
	if err != nil {
		return size, fmt.Errorf("measure %s: %w", t.dir, err)
	}
	return size, nil
}

func (s *demoSize) add(st *unix.Stat_t) {
	s.paths++
	if st.Mode&unix.S_IFMT == unix.S_IFREG {
		s.bytes += st.Size
	}
}
