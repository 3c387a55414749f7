//go:build root

package receive_test

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"testing"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/image"
	"btrmesh/btrfs/receive"
)

// The kernel commits whenever it likes, and then has metadata on disk whose data
// may still be in memory. That is the worst moment for the power to go.
func TestPowerCutAfterACommitAtAnyStepShowsNothingOrTheWholeSnapshot(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	must(t, btrfstest.Fill(s.dir(), 200, 100, 20000, 1))
	first := s.snapshot(t)
	must(t, btrfstest.Fill(filepath.Join(s.dir(), "d0"), 100, 100, 20000, 2))
	must(t, btrfstest.Mutate(s.dir(), 1, 200))
	second := s.snapshot(t)
	spec, stream := s.spec(second, first), s.send(t, formatV1, second, first)
	for _, step := range receive.Steps {
		t.Run(step, func(t *testing.T) {
			live, cut := filepath.Join(t.TempDir(), "live"), filepath.Join(t.TempDir(), "cut")
			must(t, image.Create(live, 1<<30, "live"))
			s.mount(t, live, func() {
				s.receive(t, formatV1, first, btrfs.Snapshot{})
				must(t, s.target.Kill(t.Context(), step, spec, stream))
				must(t, s.pool.Sync())
				must(t, exec.CommandContext(t.Context(), "cp", "--sparse=always", live, cut).Run())
			})
			s.mount(t, cut, func() {
				_, err := s.target.Sweep(t.Context())
				must(t, err)
				s.wantSnapshots(t, step, first, second)
				_, err = s.target.Receive(t.Context(), spec, bytes.NewReader(stream))
				if err != nil && !errors.Is(err, receive.ErrExists) {
					t.Fatal(err)
				}
				wantSame(t, s.at(second), s.latest(t))
			})
		})
	}
}
