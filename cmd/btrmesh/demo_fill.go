package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// demoFill copies a tree with owners, modes, times, extended attributes,
// symbolic and hard links.
type demoFill struct {
	ctx   context.Context //nolint:containedctx // it lives for one copy
	from  string
	to    string
	names map[inode]string // first copy of each file with several names
	dirs  []demoDir
}

// demoDir is a copied directory that gets its attributes last: filling it changes
// its times, and what is made in it inherits ACLs and properties.
type demoDir struct {
	from, to string
	st       *unix.Stat_t
}

// fill copies the tree into the existing directory to. It needs root.
func (t demoTree) fill(ctx context.Context, to string) error {
	f := demoFill{ctx: ctx, from: t.dir, to: to, names: map[inode]string{}}
	if err := t.walk(ctx, f.copy); err != nil {
		return err
	}
	for _, dir := range slices.Backward(f.dirs) {
		if err := copyAttributes(dir.from, dir.to, dir.st); err != nil {
			return err
		}
	}
	return nil
}

func (f *demoFill) copy(rel string, st *unix.Stat_t) error {
	from, to := filepath.Join(f.from, rel), filepath.Join(f.to, rel)
	if first, again := f.names[inodeOf(st)]; again {
		return os.Link(first, to)
	}
	if err := f.create(from, to, st); err != nil {
		return err
	}
	if isDir(st) {
		f.dirs = append(f.dirs, demoDir{from, to, st})
		return nil
	}
	if st.Nlink > 1 {
		f.names[inodeOf(st)] = to
	}
	return copyAttributes(from, to, st)
}

// create makes what st describes, with its content.
func (f *demoFill) create(from, to string, st *unix.Stat_t) error {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		if to == f.to {
			return nil
		}
		return os.Mkdir(to, 0o700)
	case unix.S_IFREG:
		return f.data(from, to)
	case unix.S_IFLNK:
		text, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(text, to)
	default:
		return pathError("mknod", to, unix.Mknod(to, st.Mode&unix.S_IFMT|0o600, int(st.Rdev)))
	}
}

func (f *demoFill) data(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // opened for reading
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, untilDone{f.ctx, in})
	return err
}

// untilDone reads until its context ends.
type untilDone struct {
	ctx context.Context //nolint:containedctx // it lives for one file
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := context.Cause(u.ctx); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// copyAttributes sets owner, mode, extended attributes and times in this order:
// a new owner takes away setuid bits and capabilities, a mode changes an ACL,
// and all of them are changes.
func copyAttributes(from, to string, st *unix.Stat_t) error {
	if err := os.Lchown(to, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		if err := unix.Chmod(to, st.Mode&0o7777); err != nil {
			return pathError("chmod", to, err)
		}
	}
	if err := copyExtended(from, to); err != nil {
		return err
	}
	times := []unix.Timespec{{Sec: st.Atim.Sec, Nsec: st.Atim.Nsec}, {Sec: st.Mtim.Sec, Nsec: st.Mtim.Nsec}}
	return pathError("set times", to, unix.UtimesNanoAt(unix.AT_FDCWD, to, times, unix.AT_SYMLINK_NOFOLLOW))
}

// copyExtended copies extended attributes, but for those that only another kind
// of file system knows.
func copyExtended(from, to string) error {
	values, err := extendedAttributes(from)
	if err != nil {
		return unlessGone(err)
	}
	for _, v := range values {
		err := unix.Lsetxattr(to, v.name, v.value, 0)
		if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
			return pathError("set attribute "+v.name, to, err)
		}
	}
	return nil
}

// pathError is nil for nil.
func pathError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}
