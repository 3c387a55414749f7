//go:build root

package receive_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
)

// piece is a part of a file that is nearly all hole.
type piece struct {
	at   int64
	data []byte
}

// farPieces lie around and beyond what 32 bits can count.
func farPieces() []piece {
	return []piece{
		{0, text(1, 5000)},
		{1<<31 - 3000, noise(2, 9000)},
		{1<<32 - 70_000, text(3, 300_000)},
		{1<<32 + 1<<31, noise(4, 8192)},
		{5<<32 + 123, noise(5, 200_000)},
		{1<<42 + 4096, text(6, 1<<20)},
	}
}

const farSize = 1<<42 + 1<<32

func TestFullStreamsReachBeyondFourGiB(t *testing.T) {
	for _, with := range []string{"", "zstd"} {
		t.Run("compression "+with, func(t *testing.T) {
			t.Parallel()
			source := btrfstest.PoolOptions{}
			if with != "" {
				source = compressed(with)
			}
			s := newSite(t, source, btrfstest.PoolOptions{})
			p := planter{t, s.dir()}
			for _, one := range farPieces() {
				p.edit("far", put(one.data, one.at))
			}
			p.edit("far", truncate(farSize))
			p.clone("far", 1<<32+1<<31, "far", 1<<41, 8192)
			snap := s.snapshot(t)
			for _, f := range fullForms() {
				stream := s.send(t, f, snap, btrfs.Snapshot{})
				for who, path := range map[string]string{"progs": s.byProgs(t, snap, stream), "ours": s.byOurs(t, stream)} {
					t.Run(fmt.Sprint(f.name, " by ", who), func(t *testing.T) { wantFar(t, path) })
				}
			}
		})
	}
}

// wantFar reads the pieces alone: all of the file would take hours.
func wantFar(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "far"))
	must(t, err)
	defer func() { must(t, f.Close()) }()
	for _, want := range append(farPieces(), piece{1 << 41, noise(4, 8192)}, piece{1 << 40, make([]byte, 1<<20)}) {
		got := make([]byte, len(want.data))
		_, err := f.ReadAt(got, want.at)
		must(t, err)
		if !bytes.Equal(got, want.data) {
			t.Errorf("%d bytes at %d differ", len(got), want.at)
		}
	}
	var st syscall.Stat_t
	must(t, syscall.Fstat(int(f.Fd()), &st))
	if st.Size != farSize || st.Blocks*512 > 4<<20 {
		t.Errorf("%d bytes in %d blocks", st.Size, st.Blocks)
	}
	if shared := reflinks(t, dir).Shared(); shared != 8192 {
		t.Errorf("%d bytes are shared", shared)
	}
}
