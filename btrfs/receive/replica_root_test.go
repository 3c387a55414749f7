//go:build root

package receive_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
)

// followMutations sends a full stream and three increments of a tree that
// changes at random.
func followMutations(t *testing.T, s *site, f format, seed uint64) {
	t.Helper()
	var parent btrfs.Snapshot
	for round := range uint64(4) {
		must(t, btrfstest.Mutate(s.dir(), seed*100+round, 300))
		snap := s.snapshot(t)
		got := s.receive(t, f, snap, parent)
		wantSame(t, s.at(snap), s.data(t, got))
		if got.Problem != "" || !got.ReadOnly {
			t.Fatalf("snapshot %d: read-only %v, problem %q", round, got.ReadOnly, got.Problem)
		}
		parent = snap
	}
}

func TestReplicaDoesNotTakeAttributesOfItsRoot(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	must(t, btrfstest.Mutate(s.dir(), 7, 100))
	must(t, btrfstest.MutateRoot(s.dir(), 7))
	followMutations(t, s, formatV1, 8)
}

func TestReplicaDoesNotTakeAttributesOfThePool(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	must(t, btrfstest.MutateRoot(s.pool.Path(), 7))
	followMutations(t, s, formatV1, 9)
}

func TestReplicaEqualsThatOfProgsButForTheTimeOfTheRoot(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	progs := t.TempDir()
	must(t, exec.CommandContext(t.Context(), "mount", "--bind", s.pool.Path(), progs).Run())
	t.Cleanup(func() { must(t, exec.Command("umount", progs).Run()) })
	var parent btrfs.Snapshot
	for round := range uint64(3) {
		must(t, btrfstest.Mutate(s.dir(), 500+round, 300))
		snap := s.snapshot(t)
		stream := s.send(t, formatV1, snap, parent)
		receiveByProgs(t, progs, stream)
		got := s.receive(t, formatV1, snap, parent)
		theirs, ours := digest(t, filepath.Join(progs, snap.Name)), digest(t, s.data(t, got))
		for line := range strings.Lines(btrfstest.Diff(theirs, ours)) {
			if !strings.Contains(line, `"."`) {
				t.Errorf("round %d: %s", round, line)
			}
		}
		parent = snap
	}
}

func receiveByProgs(t *testing.T, dir string, stream []byte) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "btrfs", "receive", dir)
	cmd.Stdin = bytes.NewReader(stream)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("btrfs receive: %v: %s", err, out)
	}
}
