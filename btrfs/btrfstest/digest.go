package btrfstest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// longestValue is the length in bytes up to which an extended attribute is
// printed as it is; of a longer one the SHA-256 is.
const longestValue = 64

// Digest reads the whole tree below dir, dir itself included as ".", and returns
// one line per path: quoted path, type and mode, owner, mtime to the nanosecond,
// and by type: size and SHA-256 of the content, symlink text or device number;
// hard links as the first path of their group; all extended attributes of all
// namespaces, which include ACLs and capabilities.
//
// Left out are atime and ctime, which no stream can set; the size and link count
// of directories; and inode flags, which the kernel does not send. It needs root
// to see trusted attributes and to read everything. Nothing may write to the
// tree meanwhile. Paths of 4096 bytes and more fail with ENAMETOOLONG.
func Digest(dir string) (Tree, error) { return digest(&walker{root: dir}) }

// DigestSparse is Digest with the data ranges of each file (SEEK_DATA), so that
// a hole differs from zeros. A stream of version 1 does not keep all holes in an
// incremental: compare full sends only.
func DigestSparse(dir string) (Tree, error) { return digest(&walker{root: dir, sparse: true}) }

func digest(w *walker) (Tree, error) {
	w.first = map[inode]string{}
	if err := filepath.WalkDir(w.root, w.visit); err != nil {
		return Tree{}, fmt.Errorf("digest %s: %w", w.root, err)
	}
	return w.tree, nil
}

type inode struct{ device, number uint64 }

// walker collects the lines of one tree.
type walker struct {
	root   string
	sparse bool
	first  map[inode]string // first path of each file with several names
	tree   Tree
}

func (w *walker) visit(path string, _ fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(w.root, path)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	line := fmt.Sprintf("%q %s%04o %d:%d %d.%09d%s", rel, kind(st.Mode), st.Mode&0o7777,
		st.Uid, st.Gid, st.Mtim.Sec, st.Mtim.Nsec, w.link(rel, &st))
	content, err := w.content(path, &st)
	if err != nil {
		return err
	}
	attributes, err := attributes(path)
	if err != nil {
		return err
	}
	w.tree.entries = append(w.tree.entries, entry{path: rel, line: line + content + attributes})
	return nil
}

// kind is the letter ls(1) prints for a type of file.
func kind(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "-"
	case unix.S_IFDIR:
		return "d"
	case unix.S_IFLNK:
		return "l"
	case unix.S_IFCHR:
		return "c"
	case unix.S_IFBLK:
		return "b"
	case unix.S_IFIFO:
		return "p"
	case unix.S_IFSOCK:
		return "s"
	}
	return "?"
}

// link names the group of hard links a file belongs to by its first path.
func (w *walker) link(rel string, st *unix.Stat_t) string {
	if st.Nlink < 2 || st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return ""
	}
	number := inode{st.Dev, st.Ino}
	if _, found := w.first[number]; !found {
		w.first[number] = rel
	}
	return fmt.Sprintf(" links=%d/%q", st.Nlink, w.first[number])
}

func (w *walker) content(path string, st *unix.Stat_t) (string, error) {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return w.data(path, st.Size)
	case unix.S_IFLNK:
		text, err := os.Readlink(path)
		return fmt.Sprintf(" -> %q", text), err
	case unix.S_IFCHR, unix.S_IFBLK:
		return fmt.Sprintf(" rdev=%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev)), nil
	}
	return "", nil
}

func (w *walker) data(path string, size int64) (text string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read: %w", err)
	}
	text = fmt.Sprintf(" size=%d sha256=%x", size, h.Sum(nil))
	if !w.sparse {
		return text, nil
	}
	ranges, err := dataRanges(f, size)
	return fmt.Sprintf("%s data=%v", text, ranges), err
}

// dataRanges lists [start end] of what is not a hole, by lseek(2).
func dataRanges(f *os.File, size int64) ([][2]int64, error) {
	var ranges [][2]int64
	for end := int64(0); end < size; {
		start, err := f.Seek(end, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // a hole to the end of the file
			return ranges, nil
		}
		if err != nil {
			return nil, err
		}
		if end, err = f.Seek(start, unix.SEEK_HOLE); err != nil {
			return nil, err
		}
		ranges = append(ranges, [2]int64{start, end})
	}
	return ranges, nil
}

// attributes lists the extended attributes of path itself, sorted by name.
func attributes(path string) (string, error) {
	names, err := attributeNames(path)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, name := range names {
		value, err := attribute(path, name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, " %q=%s", name, printable(value))
	}
	return b.String(), nil
}

// printable is value in hex, or its hash when it is long.
func printable(value []byte) string {
	if len(value) > longestValue {
		return fmt.Sprintf("%d:sha256:%x", len(value), sha256.Sum256(value))
	}
	return fmt.Sprintf("%x", value)
}

func attributeNames(path string) ([]string, error) {
	size, err := unix.Llistxattr(path, nil)
	if err != nil || size == 0 {
		return nil, attributeError("llistxattr", path, err)
	}
	list := make([]byte, size)
	if size, err = unix.Llistxattr(path, list); err != nil {
		return nil, attributeError("llistxattr", path, err)
	}
	var names []string
	for name := range bytes.SplitSeq(bytes.TrimSuffix(list[:size], []byte{0}), []byte{0}) {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names, nil
}

func attribute(path, name string) ([]byte, error) {
	size, err := unix.Lgetxattr(path, name, nil)
	if err != nil || size == 0 {
		return nil, attributeError("lgetxattr "+name, path, err)
	}
	value := make([]byte, size)
	size, err = unix.Lgetxattr(path, name, value)
	return value[:max(size, 0)], attributeError("lgetxattr "+name, path, err)
}

// attributeError is nil for nil and for a file system without attributes.
func attributeError(op, path string, err error) error {
	if err == nil || errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}
