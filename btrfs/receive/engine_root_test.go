//go:build root

package receive_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
)

// apply applies a stream below dir, draining the engine before every n-th
// command on average, never if n is 0, and returns the path of what it made.
func apply(t *testing.T, dir, name string, stream []byte, n int, open receive.Opener) (string, error) {
	t.Helper()
	root, err := os.Open(dir)
	must(t, err)
	defer func() { must(t, root.Close()) }()
	rng := rand.New(rand.NewPCG(1, 2))
	now := func() bool { return n > 0 && rng.IntN(n) == 0 }
	rd := sendstream.NewReader(bytes.NewReader(stream), sendstream.Limits{})
	return filepath.Join(dir, name), receive.ApplyDraining(t.Context(), root, rd, receive.Options{Name: name, Open: open}, now)
}

func TestStreamsOfAnyOrderAreAppliedAsByProgs(t *testing.T) {
	pool := btrfstest.NewPool(t, btrfstest.PoolOptions{})
	for seed := range uint64(12) {
		dir := filepath.Join(pool.Path(), fmt.Sprint(seed))
		must(t, os.Mkdir(dir, 0o700))
		stream := randomStream(t, seed, 600)
		receiveByProgs(t, dir, stream)
		want := digest(t, filepath.Join(dir, "random"))
		for _, n := range []int{0, 5} {
			got, err := apply(t, dir, fmt.Sprint("drained", n), stream, n, nil)
			must(t, err)
			if diff := btrfstest.Diff(want, digest(t, got)); diff != "" {
				t.Errorf("seed %d, drained every %d: differs from that of progs:\n%s", seed, n, diff)
			}
		}
	}
}

func TestDrainedEngineGoesOn(t *testing.T) {
	s := newSite(t, compressed("zstd"), btrfstest.PoolOptions{})
	for seed := range uint64(3) {
		must(t, btrfstest.Mutate(s.dir(), 900+seed, 300))
		snap := s.snapshot(t)
		for _, f := range []format{formatV1, formatV2} {
			got, err := apply(t, s.pool.Path(), fmt.Sprint(f.version, seed), s.send(t, f, snap, btrfs.Snapshot{}), 10, nil)
			must(t, err)
			wantSame(t, s.at(snap), got)
		}
	}
}

// inheriting makes directories that mark what is made in them, in the share, each
// with files that took the marks, lost them, or were moved in.
func inheriting(t *testing.T, dir string) {
	t.Helper()
	for name, mark := range map[string]func(dir string) error{
		"compressed":  func(d string) error { return unix.Setxattr(d, "btrfs.compression", []byte("zstd"), 0) },
		"default acl": func(d string) error { return unix.Setxattr(d, "system.posix_acl_default", someACL, 0) },
		"setgid":      func(d string) error { return errors.Join(os.Chown(d, 0, 50), unix.Chmod(d, 0o2775)) },
	} {
		sub := filepath.Join(dir, name)
		must(t, os.Mkdir(sub, 0o755))
		must(t, os.WriteFile(filepath.Join(sub, "before"), []byte("x"), 0o644))
		must(t, mark(sub))
		must(t, os.WriteFile(filepath.Join(sub, "in"), bytes.Repeat([]byte("x"), 50000), 0o644))
		must(t, os.Mkdir(filepath.Join(sub, "dir"), 0o755))
		must(t, os.WriteFile(filepath.Join(sub, "dir", "in"), []byte("x"), 0o644))
		must(t, unix.Mkfifo(filepath.Join(sub, "fifo"), 0o600))
		must(t, os.Symlink("in", filepath.Join(sub, "symlink")))
		moved := filepath.Join(dir, "moved")
		must(t, os.WriteFile(moved, bytes.Repeat([]byte("y"), 50000), 0o640))
		must(t, os.Rename(moved, filepath.Join(sub, "moved")))
	}
}

func TestEntriesKeepTheirOwnAttributesInDirectoriesThatHandThemDown(t *testing.T) {
	for _, f := range []format{formatV1, formatV2} {
		t.Run(f.name, func(t *testing.T) {
			s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
			inheriting(t, s.dir())
			first := s.snapshot(t)
			wantSame(t, s.at(first), s.data(t, s.receive(t, f, first, btrfs.Snapshot{})))
			must(t, os.Mkdir(filepath.Join(s.dir(), "more"), 0o755))
			inheriting(t, filepath.Join(s.dir(), "more"))
			must(t, os.WriteFile(filepath.Join(s.dir(), "setgid", "late"), []byte("x"), 0o644))
			must(t, os.WriteFile(filepath.Join(s.dir(), "compressed", "late"), []byte("x"), 0o644))
			must(t, os.WriteFile(filepath.Join(s.dir(), "default acl", "late"), []byte("x"), 0o644))
			second := s.snapshot(t)
			wantSame(t, s.at(second), s.data(t, s.receive(t, f, second, first)))
		})
	}
}

func TestSetuidOutlivesAChangeOfOwner(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	file := filepath.Join(s.dir(), "file")
	must(t, os.WriteFile(file, nil, 0o755))
	must(t, unix.Chmod(file, 0o6755))
	first := s.snapshot(t)
	s.receive(t, formatV1, first, btrfs.Snapshot{})
	must(t, os.Chown(file, 1000, 1000))
	must(t, unix.Chmod(file, 0o6755))
	second := s.snapshot(t)
	wantSame(t, s.at(second), s.data(t, s.receive(t, formatV1, second, first)))
}

// noCOW is FS_NOCOW_FL of linux/fs.h.
const noCOW = 0x800000

func TestFilesInANoCOWDirectoryAreLikeThoseOutside(t *testing.T) {
	pool := btrfstest.NewPool(t, btrfstest.PoolOptions{})
	parent := noCOWParent(t, pool)
	e := sendstream.NewEncoder(1)
	for _, c := range []command{
		{Type: sendstream.CmdSnapshot, Path: []byte("x"), UUID: claimed, CTransID: 5, CloneUUID: [16]byte{1}, CloneCTransID: 4},
		mkfile("o300-5-0"),
		{Type: sendstream.CmdRename, Path: []byte("o300-5-0"), To: []byte("dir/file")},
		{Type: sendstream.CmdWrite, Path: []byte("dir/file"), Data: make([]byte, 8192)},
		mkfile("o301-5-0"),
		{Type: sendstream.CmdRename, Path: []byte("o301-5-0"), To: []byte("mine")},
		{Type: sendstream.CmdClone, Path: []byte("mine"), CloneUUID: claimed, CloneCTransID: 5, ClonePath: []byte("dir/file"), CloneLen: 4096},
		{Type: sendstream.CmdEnd},
	} {
		must(t, e.Append(&c))
	}
	got, err := apply(t, pool.Path(), "applied", e.Bytes(), 0, func(btrfs.UUID) (*os.File, error) { return os.Open(parent) })
	must(t, err)
	file, err := os.Open(filepath.Join(got, "dir", "file"))
	must(t, err)
	defer func() { must(t, file.Close()) }()
	flags, err := unix.IoctlGetUint32(int(file.Fd()), unix.FS_IOC_GETFLAGS)
	must(t, err)
	if flags&noCOW != 0 {
		t.Errorf("flags %#x: the file took NOCOW from its directory", flags)
	}
}

// noCOWParent makes a read-only subvolume with an empty NoCOW directory.
func noCOWParent(t *testing.T, pool *btrfs.Pool) string {
	t.Helper()
	root, err := os.Open(pool.Path())
	must(t, err)
	defer func() { must(t, root.Close()) }()
	must(t, btrfs.CreateSubvolume(root, "parent"))
	path := filepath.Join(pool.Path(), "parent")
	must(t, os.Mkdir(filepath.Join(path, "dir"), 0o755))
	dir, err := os.Open(filepath.Join(path, "dir"))
	must(t, err)
	defer func() { must(t, dir.Close()) }()
	must(t, unix.IoctlSetPointerInt(int(dir.Fd()), unix.FS_IOC_SETFLAGS, noCOW))
	parent, err := os.Open(path)
	must(t, err)
	defer func() { must(t, parent.Close()) }()
	must(t, btrfs.SetReadOnly(parent, true))
	return path
}

func TestErrorOfAHeldCommandIsAboutThatCommand(t *testing.T) {
	link := []command{symlink("out", "/tmp"), mkfile("file"), on(sendstream.CmdMkdir, "dir")}
	temporary := append(slices.Clip(link), mkfile("o300-5-0"))
	renamed := func(to string) command {
		return command{Type: sendstream.CmdRename, Path: []byte("o300-5-0"), To: []byte(to)}
	}
	pool := btrfstest.NewPool(t, btrfstest.PoolOptions{})
	for name, h := range map[string]hostile{
		"made in a symlink, then written":       {rule: beneath, honest: link, culprit: mkfile("out/new")},
		"named in a symlink":                    {rule: beneath, honest: temporary, culprit: renamed("out/new")},
		"named in a file":                       {rule: fits, honest: temporary, culprit: renamed("file/new")},
		"named in nothing":                      {rule: fits, honest: temporary, culprit: renamed("nowhere/new")},
		"named like a directory":                {rule: fits, honest: temporary, culprit: renamed("dir")},
		"named twice":                           {rule: fits, honest: append(slices.Clip(temporary), renamed("new")), culprit: renamed("other")},
		"made over a file, with another's name": {rule: fits, honest: link, culprit: mkfile("file")},
	} {
		t.Run(name, func(t *testing.T) {
			stream, offset := h.encode(t)
			_, err := apply(t, pool.Path(), strings.ReplaceAll(name, " ", "-"), stream, 0, nil)
			wantRefused(t, err, offset, h)
		})
	}
}

func TestPoolWithoutChecksumsTakesCompressedExtentsDecompressed(t *testing.T) {
	for _, algorithm := range []string{"zlib", "zstd", "lzo"} {
		t.Run(algorithm, func(t *testing.T) {
			s := newSite(t, compressed(algorithm), btrfstest.PoolOptions{Mount: "nodatacow"})
			p := &pinching{t: t, dir: s.dir(), rng: rand.New(rand.NewPCG(5, 413))}
			var parent btrfs.Snapshot
			for range 3 {
				for range 80 {
					p.change()
				}
				must(t, os.WriteFile(filepath.Join(s.dir(), "text"), p.text(), 0o644))
				snap := s.snapshot(t)
				if encodedWrites(t, s.send(t, formatV2, snap, parent)) == 0 {
					t.Fatal("the stream has no encoded writes")
				}
				wantSame(t, s.at(snap), s.data(t, s.receive(t, formatV2, snap, parent)))
				parent = snap
			}
		})
	}
}
