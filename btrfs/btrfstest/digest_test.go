package btrfstest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// change is one difference a digest must notice, made to the tree of plant.
type change struct {
	name string
	make func(dir string) error
}

// changes are those anybody may make; see privileged for the others.
var changes = []change{
	{"a byte of content", func(dir string) error { return patch(dir+"/file", "X", 7) }},
	{"size", func(dir string) error { return os.Truncate(dir+"/file", 8192) }},
	{"mode", func(dir string) error { return os.Chmod(dir+"/file", 0o600) }},
	{"setuid", func(dir string) error { return unix.Chmod(dir+"/file", 0o4644) }},
	{"mode of the root", func(dir string) error { return os.Chmod(dir, 0o700) }},
	{"mtime by a nanosecond", func(dir string) error { return touch(dir+"/file", 1) }},
	{"mtime of a directory", func(dir string) error { return touch(dir+"/sub", 1) }},
	{"mtime of the root", func(dir string) error { return touch(dir, 1) }},
	{"mtime of a symlink", func(dir string) error { return touch(dir+"/symlink", 1) }},
	{"symlink text", func(dir string) error {
		return replant(dir+"/symlink", func(p string) error { return os.Symlink("else", p) })
	}},
	{"attribute", func(dir string) error { return unix.Setxattr(dir+"/file", "user.k", []byte("w"), 0) }},
	{"attribute removed", func(dir string) error { return unix.Removexattr(dir+"/file", "user.k") }},
	{"attribute of the root", func(dir string) error { return unix.Setxattr(dir, "user.k", nil, 0) }},
	{"long attribute", func(dir string) error { return unix.Setxattr(dir+"/sub", "user.k", make([]byte, 1000), 0) }},
	{"name", func(dir string) error { return os.Rename(dir+"/sub/inner", dir+"/sub/Inner") }},
	{"a name more", func(dir string) error { return os.WriteFile(dir+"/sub/new\n\xff", nil, 0o644) }},
	{"a name less", func(dir string) error { return os.Remove(dir + "/sub/inner") }},
	{"hard link broken up", breakLink},
	{"hard link to another file", func(dir string) error {
		return replant(dir+"/linked", func(p string) error { return os.Link(dir+"/twin", p) })
	}},
	{"type", func(dir string) error {
		return replant(dir+"/fifo", func(p string) error { return unix.Mknod(p, unix.S_IFSOCK|0o644, 0) })
	}},
}

// plant makes a tree with one of each type, at fixed times.
func plant(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	for _, err := range []error{
		os.MkdirAll(dir+"/sub", 0o755),
		os.WriteFile(dir+"/file", make([]byte, 4096), 0o644),
		os.WriteFile(dir+"/twin", make([]byte, 4096), 0o644),
		os.WriteFile(dir+"/sub/inner", nil, 0o644),
		os.Link(dir+"/file", dir+"/linked"),
		os.Link(dir+"/twin", dir+"/twin2"),
		os.Symlink("file", dir+"/symlink"),
		unix.Mkfifo(dir+"/fifo", 0o644),
		unix.Setxattr(dir+"/file", "user.k", []byte("v"), 0),
		unix.Setxattr(dir+"/sub", "user.k", append(make([]byte, 999), 1), 0),
		flatten(dir),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// flatten sets all mtimes below dir, and of dir, to one moment.
func flatten(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return touch(path, 0)
	})
}

func touch(path string, nsec int64) error {
	at := []unix.Timespec{{Sec: 1e9}, {Sec: 1e9, Nsec: nsec}} // atime, mtime
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, at, unix.AT_SYMLINK_NOFOLLOW)
}

func patch(path, text string, offset int64) error {
	return editFile(path, os.O_RDWR, func(f *os.File, _ int64) error {
		_, err := f.WriteAt([]byte(text), offset)
		return err
	})
}

// replant removes path and puts something else there.
func replant(path string, plant func(string) error) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return plant(path)
}

// breakLink gives /linked a copy of its content.
func breakLink(dir string) error {
	return replant(dir+"/linked", func(p string) error {
		if err := os.WriteFile(p, make([]byte, 4096), 0o644); err != nil {
			return err
		}
		return unix.Setxattr(p, "user.k", []byte("v"), 0)
	})
}

func TestDigestNoticesEachChange(t *testing.T) { noticesEach(t, changes) }

func noticesEach(t *testing.T, changes []change) {
	t.Helper()
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			dir := plant(t)
			before := mustDigest(t, dir)
			if err := c.make(dir); err != nil {
				t.Fatal(err)
			}
			// All times but the one in question are as before.
			if !strings.HasPrefix(c.name, "mtime") {
				if err := flatten(dir); err != nil {
					t.Fatal(err)
				}
			}
			after := mustDigest(t, dir)
			if before.Sum() == after.Sum() || Diff(before, after) == "" {
				t.Errorf("not noticed in:\n%s", after)
			}
		})
	}
}

func mustDigest(t *testing.T, dir string) Tree {
	t.Helper()
	tree, err := Digest(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestDigestIgnoresAtimeAndWhereTheTreeLies(t *testing.T) {
	a, b := plant(t), plant(t)
	if err := os.Chtimes(b+"/file", time.Unix(2e9, 0), time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	if diff := Diff(mustDigest(t, a), mustDigest(t, b)); diff != "" {
		t.Errorf("equal trees differ:\n%s", diff)
	}
}

func TestDigestOfAMissingTreeFails(t *testing.T) {
	if _, err := Digest(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}

func TestDigestSparseTellsAHoleFromZeros(t *testing.T) {
	dir := t.TempDir()
	zeros, hole := dir+"/zeros", dir+"/hole"
	for _, err := range []error{
		os.Mkdir(zeros, 0o755), os.WriteFile(zeros+"/f", make([]byte, 1<<20), 0o644),
		os.Mkdir(hole, 0o755), os.WriteFile(hole+"/f", nil, 0o644), os.Truncate(hole+"/f", 1<<20),
		flatten(zeros), flatten(hole),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := Diff(mustDigest(t, zeros), mustDigest(t, hole)); diff != "" {
		t.Errorf("the plain digest sees holes:\n%s", diff)
	}
	a, errA := DigestSparse(zeros)
	b, errB := DigestSparse(hole)
	if errA != nil || errB != nil || a.Sum() == b.Sum() {
		t.Errorf("sparse digests are the same or failed: %v, %v\n%s%s", errA, errB, a, b)
	}
}
