package btrfstest

import (
	"cmp"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"btrmesh/btrfs"
	"btrmesh/btrfs/image"
)

// keep is the one flag of tests on real pools; it stands here because a flag can
// be declared once only and every such test goes through NewPool.
var keep = flag.Bool("keep", false, "keep the images of pools of failed tests")

// PoolOptions says what NewPool makes. The zero value will do for most tests.
type PoolOptions struct {
	Size  int64  // of the image in bytes, which is sparse; 0: 2 GiB
	Label string // "": "test"
	Mount string // options as for mount(8), "compress=zstd"; "": none
}

// NewPool makes an empty btrfs in an image file, mounts it by a loop device and
// opens it. At the end of the test the pool is closed, unmounted and detached
// and the image deleted; but with -keep and a failed test the image stays, in a
// file of the temporary directory that the log names.
//
// It fails the test, and never skips it, without root, loop devices or btrfs in
// the kernel. Each call makes a pool of its own.
func NewPool(tb testing.TB, o PoolOptions) *btrfs.Pool {
	tb.Helper()
	dir := tb.TempDir()
	file, mount := filepath.Join(dir, "image"), filepath.Join(dir, "pool")
	if err := image.Create(file, cmp.Or(o.Size, 2<<30), cmp.Or(o.Label, "test")); err != nil {
		tb.Fatal(err)
	}
	if err := os.Mkdir(mount, 0o755); err != nil {
		tb.Fatal(err)
	}
	mounted, err := image.Mount(file, mount, o.Mount)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := mounted.Close(); err != nil {
			tb.Error(err)
		}
		keepImage(tb, file)
	})
	return openPool(tb, mount)
}

func openPool(tb testing.TB, path string) *btrfs.Pool {
	tb.Helper()
	pool, err := btrfs.OpenPool(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := pool.Close(); err != nil {
			tb.Error(err)
		}
	})
	return pool
}

// keepImage gives the image of a failed test a name that outlives the test's
// own directory.
func keepImage(tb testing.TB, file string) {
	tb.Helper()
	if !*keep || !tb.Failed() {
		return
	}
	name := strings.ReplaceAll(tb.Name(), "/", "-") + "-" + filepath.Base(filepath.Dir(file)) + ".btrfs"
	kept := filepath.Join(os.TempDir(), name)
	if err := os.Link(file, kept); err != nil {
		tb.Errorf("image not kept: %v", err)
		return
	}
	tb.Logf("image kept: %s", kept)
}
