//go:build root

package receive_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/image"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
)

var (
	benchFiles = flag.Int("bench.files", 20000, "files of BenchmarkReceive/small_files")
	benchTree  = flag.String("bench.tree", "/usr/include", "directory that BenchmarkReceive copies")
)

// BenchmarkReceive applies one stream with this package and with btrfs receive,
// in turn, each to a fresh pool, until it is on disk. It reports the median of
// both and how many times faster this package is.
func BenchmarkReceive(b *testing.B) {
	small := func(dir string) error { return btrfstest.Fill(dir, *benchFiles, 1<<10, 16<<10, 1) }
	tree := func(dir string) error { return exec.CommandContext(b.Context(), "cp", "-a", *benchTree, dir).Run() }
	marked := func(dir string) error {
		return errors.Join(unix.Setxattr(dir, "system.posix_acl_default", someACL, 0),
			unix.Setxattr(dir, "btrfs.compression", []byte("zstd"), 0),
			os.Chown(dir, 0, 50), unix.Chmod(dir, 0o2775), small(dir))
	}
	big := func(dir string) error { return btrfstest.Fill(dir, 2, 256<<20, 256<<20, 1) }
	for _, c := range []struct {
		name  string
		mount string
		fill  func(dir string) error
		f     format
	}{
		{"small_files", "", small, formatV1},
		{"small_files_with_acl_group_and_compression", "", marked, formatV1},
		{"tree", "", tree, formatV1},
		{"compressed_tree", "compress=zstd", tree, formatV2},
		{"big_files", "", big, formatV1},
	} {
		b.Run(c.name, func(b *testing.B) {
			pool := btrfstest.NewPool(b, btrfstest.PoolOptions{Size: 8 << 30, Mount: c.mount})
			stream := fullStream(b, pool, c.fill, c.f)
			race(b, streamFile(b, stream), "")
		})
	}
	b.Run("increment", benchmarkIncrement)
}

// benchmarkIncrement has one file in a hundred replaced.
func benchmarkIncrement(b *testing.B) {
	pool := btrfstest.NewPool(b, btrfstest.PoolOptions{Size: 8 << 30})
	var first, second bytes.Buffer
	dir := filepath.Join(pool.Path(), "share")
	share := benchShare(b, pool, "share")
	must(b, btrfstest.Fill(dir, *benchFiles, 1<<10, 16<<10, 1))
	parent := benchSnapshot(b, pool, share, 1)
	files, err := filepath.Glob(dir + "/d*/f*00")
	must(b, err)
	for i, file := range files {
		must(b, os.WriteFile(file, bytes.Repeat([]byte{byte(i)}, 5000), 0o644))
	}
	snap := benchSnapshot(b, pool, share, 2)
	_, err = pool.Send(b.Context(), &first, btrfs.SendRequest{Snapshot: parent.UUID, Version: 1})
	must(b, err)
	_, err = pool.Send(b.Context(), &second, btrfs.SendRequest{Snapshot: snap.UUID, Parent: parent.UUID, Version: 1})
	must(b, err)
	race(b, streamFile(b, second.Bytes()), streamFile(b, first.Bytes()))
}

func fullStream(b *testing.B, pool *btrfs.Pool, fill func(string) error, f format) []byte {
	b.Helper()
	share := benchShare(b, pool, "share")
	must(b, fill(filepath.Join(pool.Path(), "share")))
	snap := benchSnapshot(b, pool, share, 1)
	var stream bytes.Buffer
	_, err := pool.Send(b.Context(), &stream, btrfs.SendRequest{Snapshot: snap.UUID, Version: f.version, Compressed: f.compressed})
	must(b, err)
	return stream.Bytes()
}

func benchShare(b *testing.B, pool *btrfs.Pool, name string) btrfs.Share {
	b.Helper()
	root, err := os.Open(pool.Path())
	must(b, err)
	defer func() { must(b, root.Close()) }()
	must(b, btrfs.CreateSubvolume(root, name))
	share, err := pool.Share(b.Context(), name)
	must(b, err)
	return share
}

func benchSnapshot(b *testing.B, pool *btrfs.Pool, share btrfs.Share, minute int) btrfs.Snapshot {
	b.Helper()
	snap, err := pool.Snapshot(b.Context(), share, "task", time.Date(2030, 1, 1, 0, minute, 0, 0, time.UTC))
	must(b, err)
	return snap
}

func streamFile(b *testing.B, stream []byte) string {
	b.Helper()
	file := filepath.Join(b.TempDir(), "stream")
	must(b, os.WriteFile(file, stream, 0o600))
	return file
}

// race measures both receivers once per iteration.
func race(b *testing.B, stream, parent string) {
	b.Helper()
	var ours, theirs []time.Duration
	for b.Loop() {
		theirs = append(theirs, receiveTimed(b, stream, parent, byProgs))
		ours = append(ours, receiveTimed(b, stream, parent, byApply))
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	mine, stock := ours[len(ours)/2], theirs[len(theirs)/2]
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(mine.Seconds(), "s")
	b.ReportMetric(stock.Seconds(), "stock-s")
	b.ReportMetric(stock.Seconds()/mine.Seconds(), "times-faster")
}

// receiveTimed applies a stream in a fresh pool, after its parent if there is one.
func receiveTimed(b *testing.B, stream, parent string, by func(b *testing.B, dir *os.File, stream string)) time.Duration {
	b.Helper()
	file, mount := filepath.Join(b.TempDir(), "image"), b.TempDir()
	must(b, image.Create(file, 8<<30, "bench"))
	mounted, err := image.Mount(file, mount, "")
	must(b, err)
	defer func() { must(b, errors.Join(mounted.Close(), os.Remove(file))) }()
	dir, err := os.Open(mount)
	must(b, err)
	defer func() { must(b, dir.Close()) }()
	if parent != "" {
		by(b, dir, parent)
	}
	began := time.Now()
	by(b, dir, stream)
	must(b, btrfs.SyncFS(dir))
	return time.Since(began)
}

func byProgs(b *testing.B, dir *os.File, stream string) {
	b.Helper()
	must(b, exec.CommandContext(b.Context(), "btrfs", "receive", "-f", stream, dir.Name()).Run())
}

// byApply names each subvolume like its stream, so that the next finds its parent.
func byApply(b *testing.B, dir *os.File, stream string) {
	b.Helper()
	file, err := os.Open(stream)
	must(b, err)
	defer func() { must(b, file.Close()) }()
	o := receive.Options{Name: filepath.Base(filepath.Dir(stream)), Open: func(btrfs.UUID) (*os.File, error) {
		names, err := filepath.Glob(dir.Name() + "/*")
		if err != nil || len(names) != 1 {
			return nil, fmt.Errorf("parent among %v: %w", names, err)
		}
		return os.Open(names[0])
	}}
	applied, err := receive.Apply(b.Context(), dir, sendstream.NewReader(file, sendstream.Limits{}), o)
	must(b, err)
	defer func() { must(b, applied.Root.Close()) }()
	_, err = receive.Seal(applied, time.Now())
	must(b, err)
}
