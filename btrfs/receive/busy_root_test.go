//go:build root

package receive_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
)

// BenchmarkSmallIncrementBesideAWriter receives 4 KiB into a pool that somebody
// else writes 64 MiB/s to.
func BenchmarkSmallIncrementBesideAWriter(b *testing.B) {
	source := btrfstest.NewPool(b, btrfstest.PoolOptions{Size: 2 << 30})
	pool := btrfstest.NewPool(b, btrfstest.PoolOptions{Size: 8 << 30})
	share := benchShare(b, source, "share")
	target := receive.NewTarget(pool, discard())
	ctx, stop := context.WithCancel(b.Context())
	var writing sync.WaitGroup
	writing.Go(func() {
		if err := writeOnAndOn(ctx, filepath.Join(pool.Path(), "busy")); err != nil {
			b.Error(err)
		}
	})
	defer writing.Wait()
	defer stop()
	var parent btrfs.Snapshot
	var took []time.Duration
	for minute := 1; b.Loop(); minute++ {
		must(b, os.WriteFile(filepath.Join(source.Path(), "share", "file"), bytes.Repeat([]byte{byte(minute)}, 4096), 0o600))
		snap := benchSnapshot(b, source, share, minute)
		var stream bytes.Buffer
		_, err := source.Send(b.Context(), &stream, btrfs.SendRequest{Snapshot: snap.UUID, Parent: parent.UUID, Version: 1})
		must(b, err)
		began := time.Now()
		_, err = target.Receive(b.Context(), receive.Spec{
			Source: sourceID, SourceName: sourceName, Share: shareName, Run: uint64(minute),
			Snapshot: snap.UUID, CTransID: snap.CTransID, Taken: snap.Time, Parent: parent.UUID,
		}, &stream)
		must(b, err)
		took, parent = append(took, time.Since(began)), snap
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "ms")
	b.ReportMetric(float64(took[len(took)-1].Milliseconds()), "ms-at-most")
}

// writeOnAndOn writes 64 MiB of a file each second, over and over.
func writeOnAndOn(ctx context.Context, path string) error {
	const piece, pieces = 4 << 20, 256
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	data := make([]byte, piece)
	rand.Read(data)
	pace := time.NewTicker(time.Second / 16)
	defer pace.Stop()
	for i := 0; ctx.Err() == nil && err == nil; i++ {
		_, err = file.WriteAt(data, int64(i%pieces*piece))
		<-pace.C
	}
	return errors.Join(err, file.Close())
}
