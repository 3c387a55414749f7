//go:build root

package btrfs_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"btrmesh/btrfs"
	"btrmesh/btrfs/image"
)

// newPool mounts a fresh image for one test.
func newPool(t *testing.T, options string) *btrfs.Pool {
	t.Helper()
	return openPool(t, mount(t, newImage(t), options))
}

func newImage(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image")
	must(t, image.Create(file, 2<<30, "pool"))
	return file
}

func mount(t *testing.T, file, options string) string {
	t.Helper()
	m, err := image.Mount(file, t.TempDir(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m.Path()
}

func openPool(t *testing.T, path string) *btrfs.Pool {
	t.Helper()
	p, err := btrfs.OpenPool(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func openDir(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// newShare makes the subvolume name in p, and the directories it lies in.
func newShare(t *testing.T, p *btrfs.Pool, name string) btrfs.Share {
	t.Helper()
	path := filepath.Join(p.Path(), name)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, btrfs.CreateSubvolume(openDir(t, filepath.Dir(path)), filepath.Base(path)))
	s, err := p.Share(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error is %v, want one that wraps %v", err, want)
	}
}

func TestPoolKnowsItsFileSystem(t *testing.T) {
	p := newPool(t, "")
	if p.UUID().IsZero() || p.Label() != "pool" {
		t.Errorf("uuid is %s, label %q", p.UUID(), p.Label())
	}
	space, err := p.Space()
	must(t, err)
	if space.Total != 2<<30 || space.Profile != "single" || space.ReadOnly {
		t.Errorf("space is %+v", space)
	}
	if space.Free == 0 || space.Unallocated == 0 || space.Metadata == 0 || space.Free > space.Total {
		t.Errorf("free space is %+v", space)
	}
}

func TestReadOnlyPoolSaysSo(t *testing.T) {
	space, err := newPool(t, "ro").Space()
	must(t, err)
	if !space.ReadOnly {
		t.Error("it passes for writable")
	}
}

func TestDeviceErrorsOfAFreshPoolAreZero(t *testing.T) {
	list, err := newPool(t, "").DeviceErrors()
	must(t, err)
	if len(list) != 1 || list[0].Any() || !strings.HasPrefix(list[0].Path, "/dev/loop") {
		t.Errorf("devices are %+v", list)
	}
}

func TestPoolElsewhereThanOnBtrfsNamesWhatIsThere(t *testing.T) {
	_, err := btrfs.OpenPool("/proc")
	wantError(t, err, btrfs.ErrNotBtrfs)
	if err == nil || err.Error() != "open pool /proc: not on a btrfs file system but on proc" {
		t.Errorf("error is %v", err)
	}
}

func TestPoolThatIsNotThereGivesErrNotExist(t *testing.T) {
	_, err := btrfs.OpenPool(filepath.Join(t.TempDir(), "none"))
	wantError(t, err, fs.ErrNotExist)
}

func TestOneProcessLocksAPool(t *testing.T) {
	p := newPool(t, "")
	must(t, p.Lock())
	must(t, p.Lock())
	other := openPool(t, p.Path())
	err := other.Lock()
	wantError(t, err, btrfs.ErrInUse)
	if err == nil || !strings.HasSuffix(err.Error(), "by process "+strconv.Itoa(os.Getpid())) {
		t.Errorf("error is %v", err)
	}
	must(t, p.Close())
	must(t, other.Lock())
}

func TestMountsListEachFileSystemOnceByItsTopLevel(t *testing.T) {
	p := newPool(t, "")
	newShare(t, p, "a")
	bind(t, filepath.Join(p.Path(), "a"))
	mounts, err := btrfs.Mounts()
	if err != nil {
		t.Logf("other mounts: %v", err)
	}
	mounts = slices.DeleteFunc(mounts, func(m btrfs.Mount) bool { return m.UUID != p.UUID() })
	if len(mounts) != 1 {
		t.Fatalf("mounts are %+v", mounts)
	}
	m := mounts[0]
	if m.Path != p.Path() || m.Label != "pool" || m.SubvolumeID != 5 || !strings.HasPrefix(m.Device, "/dev/loop") {
		t.Errorf("mount is %+v", m)
	}
}

func TestPrivateDirectoryIsMadeForRootAlone(t *testing.T) {
	p := newPool(t, "")
	dir, err := p.Dir("send", "task")
	must(t, err)
	defer dir.Close() //nolint:errcheck // opened for reading
	for _, path := range []string{".btrmesh", ".btrmesh/send", ".btrmesh/send/task"} {
		info, err := os.Stat(filepath.Join(p.Path(), path))
		must(t, err)
		if info.Mode() != fs.ModeDir|0o700 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
}

func TestPrivateDirectoryIsRefusedWhenItIsNotPrivate(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"link":     func(path string) error { return os.Symlink("/tmp", path) },
		"file":     func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"open":     func(path string) error { return os.Mkdir(path, 0o755) },
		"stranger": func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chown(path, 1000, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, "")
			must(t, spoil(filepath.Join(p.Path(), ".btrmesh")))
			if dir, err := p.Dir(); err == nil {
				_ = dir.Close()
				t.Error("it was opened")
			}
		})
	}
}

func TestPrivateDirectoryRefusesPartsThatLeadAway(t *testing.T) {
	p := newPool(t, "")
	dir, err := p.Dir("send")
	must(t, err)
	must(t, dir.Close())
	must(t, os.Symlink("/tmp", filepath.Join(p.Path(), ".btrmesh/send/link")))
	for _, part := range []string{"", ".", "..", "a/b", "a\x00", strings.Repeat("x", 256), "link"} {
		if dir, err := p.Dir("send", part); err == nil {
			_ = dir.Close()
			t.Errorf("%q was opened", part)
		}
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}
