//go:build root

package receive_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
)

// threeSnapshots sends a full stream and two increments of a small tree.
func threeSnapshots(t *testing.T) (*site, []btrfs.Snapshot) {
	t.Helper()
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	var snaps []btrfs.Snapshot
	var parent btrfs.Snapshot
	for i := range 3 {
		must(t, os.WriteFile(filepath.Join(s.dir(), "file"), bytes.Repeat([]byte{byte('a' + i)}, 5000), 0o644))
		snap := s.snapshot(t)
		s.receive(t, formatV1, snap, parent)
		snaps, parent = append(snaps, snap), snap
	}
	return s, snaps
}

func TestSidecarSaysWhatWasReceived(t *testing.T) {
	s, snaps := threeSnapshots(t)
	replica := s.replica(t)
	if want := filepath.Join(s.pool.Path(), ".btrmesh/replicas/nas-a/photos"); replica.Path != want {
		t.Errorf("path %s, want %s", replica.Path, want)
	}
	for i, got := range replica.Snapshots {
		want := receive.Sidecar{
			Schema: 1, Source: sourceID, SourceName: sourceName, Share: shareName, ShareUUID: s.share.UUID, Task: "task", Run: uint64(i + 1),
			Snapshot: snaps[i].UUID, CTransID: snaps[i].CTransID, Taken: snaps[i].Time, Received: got.Received, StreamBytes: got.StreamBytes,
		}
		if i > 0 {
			want.Parent = snaps[i-1].UUID
		}
		if got.Sidecar != want {
			t.Errorf("sidecar %d:\n%+v, want\n%+v", i, got.Sidecar, want)
		}
		if age := time.Since(got.Received); age < 0 || age > time.Minute || got.StreamBytes < 5000 {
			t.Errorf("received %v ago, %d bytes", age, got.StreamBytes)
		}
		if got.Dir != snaps[i].Name || got.UUID.IsZero() || !got.ReadOnly || got.Problem != "" {
			t.Errorf("snapshot %d: %+v", i, got)
		}
	}
}

func TestNewestSnapshotIsNeverDeleted(t *testing.T) {
	s, _ := threeSnapshots(t)
	replica := s.replica(t)
	for i := range 2 {
		must(t, s.target.Delete(t.Context(), replica, replica.Snapshots[i]))
		must(t, s.target.Delete(t.Context(), replica, replica.Snapshots[i])) // again: no error
	}
	if err := s.target.Delete(t.Context(), replica, replica.Snapshots[2]); !errors.Is(err, receive.ErrNewest) {
		t.Errorf("delete newest: %v", err)
	}
	if left := s.replica(t).Snapshots; len(left) != 1 || left[0].Dir != replica.Snapshots[2].Dir {
		t.Errorf("left: %+v", left)
	}
	s.wantNothingStaged(t)
}

func TestNewestIsTheOneThatIsSound(t *testing.T) {
	s, _ := threeSnapshots(t)
	s.spoil(t, s.replica(t).Snapshots[2])
	replica := s.replica(t)
	if err := s.target.Delete(t.Context(), replica, replica.Snapshots[1]); !errors.Is(err, receive.ErrNewest) {
		t.Errorf("delete newest sound: %v", err)
	}
	done, err := s.target.Sweep(t.Context())
	must(t, err)
	if len(done) != 1 || !strings.Contains(done[0], "latest") {
		t.Errorf("sweep did %q", done)
	}
	must(t, s.target.Delete(t.Context(), replica, replica.Snapshots[2]))
}

func TestCommittedSnapshotIsNotReceivedAgain(t *testing.T) {
	s, snaps := threeSnapshots(t)
	got, err := s.target.Receive(t.Context(), s.spec(snaps[2], snaps[1]), failing{io.ErrClosedPipe})
	if !errors.Is(err, receive.ErrExists) || got.Snapshot != snaps[2].UUID {
		t.Errorf("%v, %v, want ErrExists", got.Snapshot, err)
	}
	if len(s.replica(t).Snapshots) != 3 {
		t.Error("a second copy was made")
	}
}

func TestSourcesOfOneNameGetDirectoriesOfTheirOwn(t *testing.T) {
	s, snaps := threeSnapshots(t)
	for _, c := range []struct{ id, dir string }{
		{"7QK4D2MBBBBBBBB", "nas-a-7QK4D2M"},
		{"7QK4D2MCCCCCCCC", "nas-a-7QK4D2MCCCCCCCC"},
	} {
		spec := s.spec(snaps[0], btrfs.Snapshot{})
		spec.Source = c.id
		_, err := s.target.Receive(t.Context(), spec, bytes.NewReader(s.send(t, formatV1, snaps[0], btrfs.Snapshot{})))
		must(t, err)
		replica, _, err := s.target.Find(t.Context(), c.id, shareName)
		must(t, err)
		if got := filepath.Base(filepath.Dir(replica.Path)); got != c.dir {
			t.Errorf("directory %s, want %s", got, c.dir)
		}
	}
	all, err := s.target.Replicas(t.Context())
	must(t, err)
	if len(all) != 3 {
		t.Errorf("%d replicas, want 3", len(all))
	}
}

func TestRenamedSourceKeepsItsReplica(t *testing.T) {
	s, snaps := threeSnapshots(t)
	next := s.snapshot(t)
	spec := s.spec(next, snaps[2])
	spec.SourceName = "renamed"
	_, err := s.target.Receive(t.Context(), spec, bytes.NewReader(s.send(t, formatV1, next, snaps[2])))
	must(t, err)
	replica := s.replica(t)
	if len(replica.Snapshots) != 4 || replica.SourceName != "renamed" || filepath.Base(filepath.Dir(replica.Path)) != "nas-a" {
		t.Errorf("%d snapshots of %s at %s", len(replica.Snapshots), replica.SourceName, replica.Path)
	}
}

func TestProgressGrowsAndIsThin(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	must(t, btrfstest.Fill(s.dir(), 2000, 100, 5000, 1))
	snap := s.snapshot(t)
	stream := s.send(t, formatV1, snap, btrfs.Snapshot{})
	spec := s.spec(snap, btrfs.Snapshot{})
	var reports []int64
	spec.Progress = func(applied int64) { reports = append(reports, applied) }
	began := time.Now()
	_, err := s.target.Receive(t.Context(), spec, bytes.NewReader(stream))
	must(t, err)
	if most := 2 + int(time.Since(began)/(100*time.Millisecond)); len(reports) == 0 || len(reports) > most {
		t.Errorf("%d reports, want 1 to %d", len(reports), most)
	}
	for i, applied := range reports {
		if applied > int64(len(stream)) || i > 0 && applied <= reports[i-1] {
			t.Errorf("reports %v of %d bytes", reports, len(stream))
		}
	}
}

func TestReceivesRunSideBySideButNotTheSameRunTwice(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	must(t, btrfstest.Mutate(s.dir(), 1, 100))
	snap := s.snapshot(t)
	stream := s.send(t, formatV1, snap, btrfs.Snapshot{})
	spec := s.spec(snap, btrfs.Snapshot{})
	r, w := io.Pipe()
	errs := make(chan error, 1)
	go func() {
		_, err := s.target.Receive(t.Context(), spec, r)
		errs <- err
	}()
	_, err := w.Write(stream[:len(stream)/2])
	must(t, err)
	if _, err := s.target.Receive(t.Context(), spec, bytes.NewReader(stream)); !errors.Is(err, receive.ErrBusy) {
		t.Errorf("same run: %v", err)
	}
	if done, err := s.target.Sweep(t.Context()); len(done) != 0 || err != nil {
		t.Errorf("sweep of a running receive did %q, %v", done, err)
	}
	other := spec
	other.Run, other.Share = 99, "other"
	_, err = s.target.Receive(t.Context(), other, bytes.NewReader(stream))
	must(t, err)
	_, err = w.Write(stream[len(stream)/2:])
	must(t, err)
	must(t, w.Close())
	must(t, <-errs)
	wantSame(t, s.at(snap), s.latest(t))
}

func TestSnapshotsAreInTheOrderTheyWereCommittedNotDescribed(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	must(t, btrfstest.Mutate(s.dir(), 1, 50))
	early := s.snapshot(t)
	must(t, btrfstest.Mutate(s.dir(), 2, 50))
	late := s.snapshot(t)
	spec := s.spec(early, btrfs.Snapshot{})
	got, err := s.target.ReceiveAround(t.Context(), spec, s.send(t, formatV1, early, btrfs.Snapshot{}), func() {
		s.receive(t, formatV1, late, btrfs.Snapshot{})
	})
	must(t, err)
	all := s.replica(t).Snapshots
	if len(all) != 2 || all[0].Snapshot != late.UUID || all[1].Snapshot != early.UUID {
		t.Fatalf("order is wrong: %+v", all)
	}
	if got.Problem != "" || !all[1].Received.After(all[0].Received) || got.StreamBytes != all[1].StreamBytes || got.StreamBytes == 0 {
		t.Errorf("the sidecar written last is %+v after %+v", got, all[0])
	}
	s.wantNothingStaged(t)
}

func TestSweepRemovesWhateverLiesInIncoming(t *testing.T) {
	s, _ := threeSnapshots(t)
	incoming, err := s.pool.Dir("incoming")
	must(t, err)
	defer func() { must(t, incoming.Close()) }()
	path := func(parts ...string) string {
		return filepath.Join(append([]string{incoming.Name()}, parts...)...)
	}
	must(t, btrfs.CreateSubvolume(incoming, "subvolume"))
	must(t, os.WriteFile(path("subvolume", "file"), nil, 0o600))
	must(t, os.WriteFile(path("file"), nil, 0o600))
	must(t, os.Symlink(s.replica(t).Path, path("symlink")))
	must(t, os.MkdirAll(path("dir", "a", "b"), 0o700))
	must(t, os.Rename(s.replica(t).Path+"/"+s.replica(t).Snapshots[0].Dir, path("snapshot")))
	empty, err := s.pool.Dir("replicas", "nas-z", "nothing")
	must(t, err)
	must(t, empty.Close())
	done, err := s.target.Sweep(t.Context())
	must(t, err)
	if len(done) != 6 {
		t.Errorf("sweep did %q, want 6 things", done)
	}
	s.wantNothingStaged(t)
	if left := s.replica(t).Snapshots; len(left) != 2 {
		t.Errorf("%d snapshots left, want 2", len(left))
	}
}

func TestManyDirectoriesAreMoreThanTheCacheHolds(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	for i := range receive.MaxDirs * 2 {
		must(t, os.Mkdir(filepath.Join(s.dir(), name(i)), 0o755))
	}
	for i := range receive.MaxDirs * 2 {
		must(t, os.WriteFile(filepath.Join(s.dir(), name(i*7%(receive.MaxDirs*2)), "file"), []byte("x"), 0o644))
	}
	snap := s.snapshot(t)
	got := s.receive(t, formatV1, snap, btrfs.Snapshot{})
	wantSame(t, s.at(snap), s.data(t, got))
}

func name(i int) string {
	return strings.Repeat("d", 1+i%7) + string(rune('a'+i%26)) + time.Duration(i).String()
}

func TestCancelledListingSaysSo(t *testing.T) {
	s, _ := threeSnapshots(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.target.Replicas(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
