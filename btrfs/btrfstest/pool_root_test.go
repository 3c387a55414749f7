//go:build root

package btrfstest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"btrmesh/btrfs"
)

func TestPoolsAreApartFromEachOther(t *testing.T) {
	a, b := NewPool(t, PoolOptions{}), NewPool(t, PoolOptions{Label: "other", Size: 1 << 30})
	if a.UUID() == b.UUID() || a.Path() == b.Path() {
		t.Errorf("%s at %s and %s at %s", a.UUID(), a.Path(), b.UUID(), b.Path())
	}
	if a.Label() != "test" || b.Label() != "other" {
		t.Errorf("labels %q and %q", a.Label(), b.Label())
	}
}

func TestAPoolHasTheSizeAndOptionsAskedFor(t *testing.T) {
	pool := NewPool(t, PoolOptions{Size: 3 << 30, Mount: "noatime,compress=zstd"})
	space, err := pool.Space()
	if err != nil || space.Total != 3<<30 {
		t.Errorf("space %+v, %v", space, err)
	}
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		if strings.Contains(line, pool.Path()) && strings.Contains(line, "noatime") && strings.Contains(line, "compress=zstd") {
			return
		}
	}
	t.Errorf("%s is not mounted with the options", pool.Path())
}

func TestAPoolIsGoneAfterItsTest(t *testing.T) {
	var path string
	t.Run("inner", func(t *testing.T) {
		pool := NewPool(t, PoolOptions{})
		path = pool.Path()
		makeShare(t, pool, "photos")
	})
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil || strings.Contains(string(table), path) {
		t.Errorf("%s is still mounted (%v)", path, err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Errorf("directory of the image: %v", err)
	}
}

// makeShare makes a subvolume and returns its path.
func makeShare(t *testing.T, pool *btrfs.Pool, name string) string {
	t.Helper()
	top, err := os.Open(pool.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = top.Close() }()
	if err := btrfs.CreateSubvolume(top, name); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(pool.Path(), name)
}

func TestTheImageOfAFailedTestIsKeptOnRequest(t *testing.T) {
	if os.Getenv("BTRFSTEST_FAIL") != "" {
		NewPool(t, PoolOptions{})
		t.Fatal("meant to")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-keep")
	tmp := t.TempDir()
	cmd.Env = append(os.Environ(), "BTRFSTEST_FAIL=1", "TMPDIR="+tmp)
	out, err := cmd.CombinedOutput()
	images, globErr := filepath.Glob(tmp + "/*.btrfs")
	if err == nil || globErr != nil || len(images) != 1 || !strings.Contains(string(out), "image kept: "+images[0]) {
		t.Errorf("%v: images %q\n%s", err, images, out)
	}
}
