//go:build root

package receive_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/image"
)

// A run that writes little is not brought to disk with the whole file system: the
// power goes right after it is committed.
func TestSmallIncrementSurvivesAPowerCut(t *testing.T) {
	for _, f := range []format{formatV1, formatV2} {
		t.Run(f.name, func(t *testing.T) {
			s := newSite(t, compressed("zstd"), btrfstest.PoolOptions{})
			must(t, btrfstest.Mutate(s.dir(), 1, 60))
			must(t, os.WriteFile(filepath.Join(s.dir(), "shrinks"), make([]byte, 200_000), 0o600))
			first := s.snapshot(t)
			dir := t.TempDir()
			live := filepath.Join(dir, "live")
			must(t, image.Create(live, 1<<30, "live"))
			s.mount(t, live, func() { s.receive(t, f, first, btrfs.Snapshot{}) })
			for seed := range uint64(inLongForm(3, 30)) {
				must(t, btrfstest.Mutate(s.dir(), 100+seed, 1+int(seed)*2))
				err := os.Truncate(filepath.Join(s.dir(), "shrinks"), 199_999-3000*int64(seed))
				if err != nil && !errors.Is(err, os.ErrNotExist) { // a mutation may have taken it
					t.Fatal(err)
				}
				second := s.snapshot(t)
				cut := filepath.Join(dir, fmt.Sprint("cut", seed))
				s.mount(t, live, func() {
					s.receive(t, f, second, first)
					copyImage(t, live, cut)
				})
				s.mount(t, cut, func() { wantSame(t, s.at(second), s.latest(t)) })
				must(t, os.Remove(cut))
				if t.Failed() {
					t.Fatalf("with seed %d", seed)
				}
				first = second
			}
		})
	}
}
