//go:build root

package receive_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/image"
	"btrmesh/btrfs/receive"
)

// deleteAll deletes the snapshots of each replica but the newest.
func deleteAll(ctx context.Context, path string) error {
	pool, err := btrfs.OpenPool(path)
	if err != nil {
		return err
	}
	target := receive.NewTarget(pool, discard())
	replicas, err := target.Replicas(ctx)
	if err != nil {
		return err
	}
	for _, replica := range replicas {
		for _, snap := range replica.Snapshots {
			if err := target.Delete(ctx, replica, snap); err != nil && !errors.Is(err, receive.ErrNewest) {
				return err
			}
		}
	}
	return nil
}

func TestKilledRetentionLeavesEachSnapshotWholeOrNotAtAll(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	trees, newest := s.many(t, 40)
	rng := rand.New(rand.NewPCG(3, 0))
	for len(s.replica(t).Snapshots) > 1 {
		s.killDeleting(t, 1+rng.IntN(3), time.Duration(rng.IntN(500))*time.Microsecond)
		s.wantWhole(t, trees)
		s.target = receive.NewTarget(s.pool, discard())
		_, err := s.target.Sweep(t.Context())
		must(t, err)
		if done, err := s.target.Sweep(t.Context()); len(done) != 0 || err != nil {
			t.Errorf("second sweep did %q, %v", done, err)
		}
		s.wantWhole(t, trees)
		s.wantNoRest(t)
	}
	if left := s.replica(t).Snapshots; left[0].Snapshot != newest.UUID {
		t.Errorf("left is %+v", left)
	}
}

// killDeleting deletes in a process of its own, which is killed some time after n
// snapshots have begun to go; it may come to its end before.
func (s *site) killDeleting(t *testing.T, n int, after time.Duration) {
	t.Helper()
	data := filepath.Join(s.replica(t).Path, "2*", "data")
	before, err := filepath.Glob(data)
	must(t, err)
	child := exec.CommandContext(t.Context(), os.Args[0], "-delete-in", s.pool.Path())
	must(t, child.Start())
	eventually(t, "snapshots are deleted", func() bool {
		left, err := filepath.Glob(data)
		must(t, err)
		return len(left) <= max(len(before)-n, 1)
	})
	<-time.After(after)
	must(t, child.Process.Kill())
	_ = child.Wait() // says that it was killed
}

// many receives n small snapshots, and returns what is in each.
func (s *site) many(t *testing.T, n int) (trees map[btrfs.UUID]btrfstest.Tree, last btrfs.Snapshot) {
	t.Helper()
	trees = map[btrfs.UUID]btrfstest.Tree{}
	for i := range n {
		must(t, btrfstest.Fill(s.dir(), 3, 100, 20000, uint64(i)))
		snap := s.snapshot(t)
		s.receive(t, formatV1, snap, last)
		trees[snap.UUID], last = digest(t, s.at(snap)), snap
	}
	return trees, last
}

// wantWhole wants all that is listed to be as it was sent.
func (s *site) wantWhole(t *testing.T, trees map[btrfs.UUID]btrfstest.Tree) {
	t.Helper()
	for _, got := range s.replica(t).Snapshots {
		if got.Problem != "" {
			t.Errorf("%s is listed though %s", got.Dir, got.Problem)
			continue
		}
		wantTree(t, trees[got.Snapshot], s.data(t, got))
	}
}

// wantNoRest wants no directories but those of the snapshots that are listed.
func (s *site) wantNoRest(t *testing.T) {
	t.Helper()
	s.wantNothingStaged(t)
	replica := s.replica(t)
	found, err := filepath.Glob(filepath.Join(replica.Path, "2*"))
	if must(t, err); len(found) != len(replica.Snapshots) {
		t.Errorf("there are %q for %d snapshots", found, len(replica.Snapshots))
	}
}

// The kernel may commit between any two steps of a deletion.
func TestPowerCutWithinADeletionLeavesTheSnapshotOrNothing(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	for _, step := range []string{"whole", "data gone", "sidecar gone"} {
		t.Run(step, func(t *testing.T) {
			live, cut := filepath.Join(t.TempDir(), "live"), filepath.Join(t.TempDir(), "cut")
			must(t, image.Create(live, 1<<30, "live"))
			var trees map[btrfs.UUID]btrfstest.Tree
			s.mount(t, live, func() {
				trees, _ = s.many(t, 3)
				s.deleteHalf(t, step)
				must(t, s.pool.Sync())
				copyImage(t, live, cut)
			})
			s.mount(t, cut, func() {
				want := 2
				if step == "whole" {
					want = 3
				}
				s.wantWhole(t, trees)
				done, err := s.target.Sweep(t.Context())
				if must(t, err); len(done) != 3-want {
					t.Errorf("sweep did %q", done)
				}
				if got := len(s.replica(t).Snapshots); got != want {
					t.Errorf("%d snapshots are listed, want %d", got, want)
				}
				s.wantNoRest(t)
			})
		})
	}
}

// deleteHalf does the first steps of the deletion of the oldest snapshot.
func (s *site) deleteHalf(t *testing.T, step string) {
	t.Helper()
	replica := s.replica(t)
	old := replica.Snapshots[0]
	if step == "whole" {
		return
	}
	dir, err := os.Open(filepath.Join(replica.Path, old.Dir))
	must(t, err)
	must(t, errors.Join(receive.Discard(dir, "data"), dir.Close()))
	if step == "sidecar gone" {
		must(t, os.Remove(filepath.Join(replica.Path, old.Dir, "snapshot.json")))
	}
}

func TestForeignDirectoriesInAReplicaStay(t *testing.T) {
	s, _ := threeSnapshots(t)
	foreign := filepath.Join(s.replica(t).Path, "notes", "mine")
	must(t, os.MkdirAll(foreign, 0o700))
	done, err := s.target.Sweep(t.Context())
	if must(t, err); len(done) != 0 {
		t.Errorf("sweep did %q", done)
	}
	if _, err := os.Stat(foreign); err != nil || len(s.replica(t).Snapshots) != 3 {
		t.Errorf("%v, %d snapshots", err, len(s.replica(t).Snapshots))
	}
}
