//go:build root

package image

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"btrmesh/btrfs"
)

func TestImagesAreMountedSideBySideAndGrow(t *testing.T) {
	const size = 400 << 20
	seen := make(map[btrfs.UUID]bool)
	for i := range 3 {
		label := fmt.Sprintf("pool%d", i)
		image := create(t, size, label)
		m := mount(t, image, "noatime")
		pool, err := btrfs.OpenPool(m.Path())
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close() //nolint:errcheck // opened for reading
		if pool.Label() != label {
			t.Errorf("label is %q, want %q", pool.Label(), label)
		}
		if seen[pool.UUID()] {
			t.Errorf("two images have the uuid %s", pool.UUID())
		}
		seen[pool.UUID()] = true
		space, err := pool.Space()
		if err != nil || space.Total != size {
			t.Errorf("size is %d (%v), want %d", space.Total, err, size)
		}
	}
}

func TestFilledImageIsSoundAndMountsAgain(t *testing.T) {
	image := create(t, 600<<20, "")
	m := mount(t, image, "")
	data := make([]byte, 200<<20)
	rand.Read(data)
	file := filepath.Join(m.Path(), "file")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	check(t, image)
	again := mount(t, image, "ro")
	back, err := os.ReadFile(filepath.Join(again.Path(), "file"))
	if err != nil || !bytes.Equal(back, data) {
		t.Fatalf("the file came back changed (%v)", err)
	}
}

func TestFreshImageIsSound(t *testing.T) { check(t, create(t, MinSize, "fresh")) }

func TestCloseDetachesTheDeviceAndIsRepeatable(t *testing.T) {
	image := create(t, MinSize, "")
	m := mount(t, image, "")
	if !attached(t, image) {
		t.Fatal("the mounted image is on no loop device")
	}
	for range 2 {
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if attached(t, image) {
		t.Error("the image is still on a loop device")
	}
}

func TestCloseOfABusyMountSaysSoAndTakesItAway(t *testing.T) {
	image := create(t, MinSize, "")
	m := mount(t, image, "")
	busy, err := os.Create(filepath.Join(m.Path(), "busy"))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err == nil {
		t.Error("closing a busy mount succeeded")
	}
	if _, err := os.Stat(filepath.Join(m.Path(), "busy")); err == nil {
		t.Error("the mount is still to be seen")
	}
	if err := busy.Close(); err != nil {
		t.Error(err)
	}
}

func TestFailedMountLeavesNothingAttached(t *testing.T) {
	image := create(t, MinSize, "")
	if m, err := Mount(image, t.TempDir(), "no-such-option"); err == nil {
		_ = m.Close()
		t.Fatal("a mount with an unknown option succeeded")
	}
	if attached(t, image) {
		t.Error("the image is still on a loop device")
	}
}

func create(t *testing.T, size int64, label string) string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	if err := Create(image, size, label); err != nil {
		t.Fatal(err)
	}
	return image
}

func mount(t *testing.T, image, options string) *Mounted {
	t.Helper()
	m, err := Mount(image, t.TempDir(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func check(t *testing.T, image string) {
	t.Helper()
	out, err := exec.Command("btrfs", "check", "--check-data-csum", image).CombinedOutput()
	if err != nil {
		t.Fatalf("btrfs check: %v\n%s", err, out)
	}
}

// attached looks for image among the backing files of all loop devices.
func attached(t *testing.T, image string) bool {
	t.Helper()
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil && string(bytes.TrimSpace(text)) == image {
			return true
		}
	}
	return false
}
