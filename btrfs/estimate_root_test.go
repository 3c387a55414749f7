//go:build root

package btrfs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
)

// off is how far an estimate is from what came, in percent of that.
func off(t *testing.T, p *btrfs.Pool, r btrfs.SendRequest) (percent float64, estimate, came int64) {
	t.Helper()
	estimate, err := p.Estimate(t.Context(), r)
	must(t, err)
	stats, err := p.Send(t.Context(), io.Discard, r)
	must(t, err)
	return 100 * float64(estimate-stats.Bytes) / float64(stats.Bytes), estimate, stats.Bytes
}

func wantEstimate(t *testing.T, p *btrfs.Pool, r btrfs.SendRequest, low, high float64) {
	t.Helper()
	percent, estimate, came := off(t, p, r)
	t.Logf("version %d, compressed %v: estimated %d, %d came: %+.2f %%", r.Version, r.Compressed, estimate, came, percent)
	if percent < low || percent > high {
		t.Errorf("estimated %d bytes, %d came: %+.2f %%, want %+.1f to %+.1f", estimate, came, percent, low, high)
	}
}

// formats are the streams that a pair of kernels may agree on.
var formats = []btrfs.SendRequest{{Version: 1}, {Version: 2}, {Version: 2, Compressed: true}}

func TestEstimateOfAFullStreamComesTrue(t *testing.T) {
	for name, make := range map[string]func(dir string) error{
		"small files":  func(dir string) error { return btrfstest.Fill(dir, 3000, 100, 16_000, 1) },
		"tiny files":   func(dir string) error { return btrfstest.Fill(dir, 3000, 0, 300, 1) },
		"big files":    func(dir string) error { return btrfstest.Fill(dir, 3, 10<<20, 30<<20, 1) },
		"text":         text,
		"of all kinds": ofAllKinds,
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, "compress=zstd")
			share := newShare(t, p, "a")
			must(t, make(filepath.Join(p.Path(), "a")))
			snap := snapshot(t, p, share, "task")
			for _, r := range formats {
				r.Snapshot = snap.UUID
				wantEstimate(t, p, r, -1, 2)
			}
		})
	}
}

// text makes files that compress well.
func text(dir string) error {
	for i := range 500 {
		sub := fmt.Sprintf("%s/some directory/%d", dir, i%9)
		err := os.MkdirAll(sub, 0o755)
		if err := errors.Join(err, os.WriteFile(fmt.Sprintf("%s/file-%d", sub, i), []byte(strings.Repeat(fmt.Sprint("line ", i, "\n"), i*i/10)), 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// ofAllKinds makes what trees are made of besides files and directories.
func ofAllKinds(dir string) error {
	err := btrfstest.Fill(dir, 500, 1000, 50_000, 1)
	for i := range 200 {
		at := func(kind string) string { return fmt.Sprintf("%s/%s-%d", dir, kind, i) }
		err = errors.Join(err, os.WriteFile(at("file"), make([]byte, 5000+i), 0o644))
		err = errors.Join(err, os.Symlink(strings.Repeat("to/", i+1), at("link")), unix.Mkfifo(at("fifo"), 0o600))
		err = errors.Join(err, os.Link(at("file"), at("hard link of a longer name")), unix.Setxattr(at("file"), "user.mime", []byte("text/plain"), 0))
		err = errors.Join(err, hollow(at("hollow")))
	}
	return err
}

// hollow makes a file with a hole, some space set aside, and some behind its end.
func hollow(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("start"), 0)
	_, err2 := f.WriteAt([]byte("end"), 1<<20)
	err = errors.Join(err, err2, unix.Fallocate(int(f.Fd()), 0, 64<<10, 64<<10))
	return errors.Join(err, unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 2<<20, 1<<20), f.Close())
}

func TestEstimateCountsSharedExtentsOnce(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "a")
	dir := filepath.Join(p.Path(), "a")
	must(t, btrfstest.Fill(dir, 1, 20<<20, 20<<20, 1))
	files, err := filepath.Glob(dir + "/d*/f*")
	must(t, err)
	first := snapshot(t, p, share, "task")
	for i := range 5 {
		copied, err := os.Create(fmt.Sprintf("%s/copy-%d", dir, i))
		must(t, err)
		must(t, btrfs.CloneRange(copied, 0, openDir(t, files[0]), 0, 0))
		must(t, copied.Close())
	}
	second := snapshot(t, p, share, "task")
	wantEstimate(t, p, btrfs.SendRequest{Snapshot: second.UUID}, -1, 1)
	estimate, err := p.Estimate(t.Context(), btrfs.SendRequest{Snapshot: second.UUID, Parent: first.UUID})
	must(t, err)
	if estimate > 100_000 {
		t.Errorf("estimated %d bytes for five clones", estimate)
	}
}

func TestEstimateOfAnIncrementCountsWhatIsNew(t *testing.T) {
	p := newPool(t, "compress=zstd")
	share := newShare(t, p, "a")
	dir := filepath.Join(p.Path(), "a")
	must(t, errors.Join(btrfstest.Fill(dir, 2000, 1000, 16_000, 1), ofAllKinds(dir)))
	parent := snapshot(t, p, share, "task")
	for _, c := range []struct {
		name      string
		change    func() error
		low, high float64
	}{
		{"new files", func() error { return btrfstest.Fill(dir+"/more", 300, 1000, 16_000, 2) }, -1, 2},
		{"one block in a file", func() error { return randomize(dir+"/file-1", 0, 4096) }, -5, 15},
		{"appended", func() error { return randomize(dir+"/file-2", 5002, 100_000) }, -2, 10},
		{"a whole file again", func() error { return randomize(dir+"/file-3", 0, 200_000) }, -2, 10},
	} {
		must(t, c.change())
		snap := snapshot(t, p, share, "task")
		for _, r := range formats {
			r.Snapshot, r.Parent = snap.UUID, parent.UUID
			t.Run(c.name, func(t *testing.T) { wantEstimate(t, p, r, c.low, c.high) })
		}
		parent = snap
	}
}

func randomize(path string, at int64, size int) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(data)
	_, err = f.WriteAt(data, at)
	return errors.Join(err, f.Close())
}

func TestEstimateCountsNoRemovals(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "a")
	dir := filepath.Join(p.Path(), "a")
	must(t, btrfstest.Fill(dir, 2000, 100, 1000, 1))
	first := snapshot(t, p, share, "task")
	must(t, os.RemoveAll(dir+"/d0000"))
	second := snapshot(t, p, share, "task")
	wantEstimate(t, p, btrfs.SendRequest{Snapshot: second.UUID, Parent: first.UUID}, -100, 0)
}

func TestEstimateEndsWithItsContext(t *testing.T) {
	p := newPool(t, "")
	first, _ := history(t, p)
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	_, err := p.Estimate(ctx, btrfs.SendRequest{Snapshot: first.UUID})
	wantError(t, err, stop)
}
