//go:build root

package receive_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
)

// BenchmarkCheckpoints shows what checkpoints add to a receive. They are taken
// more often here than in earnest.
func BenchmarkCheckpoints(b *testing.B) {
	for _, c := range []struct {
		name                     string
		count, smallest, largest int
	}{
		{"small_files", 25_000, 1000, 16_000},
		{"big_files", 5, 128 << 20, 128 << 20},
	} {
		for pace, between := range map[string]int64{"none": 1 << 62, "every_64_MiB": 64 << 20} {
			b.Run(c.name+"/"+pace, func(b *testing.B) {
				source := btrfstest.NewPool(b, btrfstest.PoolOptions{Size: 4 << 30})
				share := benchShare(b, source, "share")
				must(b, btrfstest.Fill(filepath.Join(source.Path(), "share"), c.count, c.smallest, c.largest, 1))
				snap := benchSnapshot(b, source, share, 1)
				benchmarkPace(b, source, snap, between)
			})
		}
	}
}

func benchmarkPace(b *testing.B, source *btrfs.Pool, snap btrfs.Snapshot, between int64) {
	b.Helper()
	var stream bytes.Buffer
	_, err := source.Send(b.Context(), &stream, btrfs.SendRequest{Snapshot: snap.UUID})
	must(b, err)
	b.SetBytes(int64(stream.Len()))
	for b.Loop() {
		b.StopTimer()
		target := receive.NewTarget(btrfstest.NewPool(b, btrfstest.PoolOptions{Size: 4 << 30}), discard())
		target.SetPace(between, 0)
		b.StartTimer()
		_, err := target.Receive(b.Context(), receive.Spec{
			Source: sourceID, SourceName: sourceName, Share: shareName, Run: 1,
			Snapshot: snap.UUID, CTransID: snap.CTransID, Taken: snap.Time,
		}, bytes.NewReader(stream.Bytes()))
		must(b, err)
	}
}
