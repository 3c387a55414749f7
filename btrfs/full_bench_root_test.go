//go:build root

package btrfs_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
)

// BenchmarkSend compares a full stream with an increment to nothing, which is the
// same work done by the kernel.
func BenchmarkSend(b *testing.B) {
	const files = 20_000
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	p := btrfstest.NewPool(b, btrfstest.PoolOptions{Size: 4 << 30})
	root, err := os.Open(p.Path())
	check(err)
	check(btrfs.CreateSubvolume(root, "a"))
	check(root.Close())
	share, err := p.Share(b.Context(), "a")
	check(err)
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	nothing, err := p.Snapshot(b.Context(), share, "task", at)
	check(err)
	check(btrfstest.Fill(filepath.Join(p.Path(), "a"), files, 1000, 16_000, 1))
	all, err := p.Snapshot(b.Context(), share, "task", at.Add(time.Minute))
	check(err)
	for name, r := range map[string]btrfs.SendRequest{
		"full":      {Snapshot: all.UUID, Version: 1},
		"increment": {Snapshot: all.UUID, Version: 1, Parent: nothing.UUID},
	} {
		b.Run(name, func(b *testing.B) {
			before := processorTime(b)
			for b.Loop() {
				_, err := p.Send(b.Context(), io.Discard, r)
				check(err)
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N)/files, "µs/file")
			b.ReportMetric((processorTime(b)-before).Seconds()*1e6/float64(b.N)/files, "cpu-µs/file")
		})
	}
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
