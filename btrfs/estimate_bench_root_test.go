//go:build root

package btrfs_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
)

// BenchmarkEstimate shows which part of a send an estimate takes.
func BenchmarkEstimate(b *testing.B) {
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	p := btrfstest.NewPool(b, btrfstest.PoolOptions{Size: 4 << 30})
	root, err := os.Open(p.Path())
	check(err)
	check(btrfs.CreateSubvolume(root, "a"))
	check(root.Close())
	check(btrfstest.Fill(filepath.Join(p.Path(), "a"), 20_000, 1000, 16_000, 1))
	share, err := p.Share(b.Context(), "a")
	check(err)
	snap, err := p.Snapshot(b.Context(), share, "task", time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	check(err)
	r := btrfs.SendRequest{Snapshot: snap.UUID}
	begun := time.Now()
	_, err = p.Send(b.Context(), io.Discard, r)
	check(err)
	took := time.Since(begun)
	for b.Loop() {
		_, err := p.Estimate(b.Context(), r)
		check(err)
	}
	b.ReportMetric(100*(b.Elapsed()/time.Duration(b.N)).Seconds()/took.Seconds(), "%-of-send")
}
