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

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
)

const enospc = unix.ENOSPC

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

// spoil changes a received snapshot by way of a writable spell, which keeps its
// received UUID.
func (s *site) spoil(t *testing.T, got receive.Received) {
	t.Helper()
	data, err := os.Open(s.data(t, got))
	must(t, err)
	defer func() { must(t, data.Close()) }()
	must(t, btrfs.SetReadOnly(data, false))
	must(t, os.WriteFile(filepath.Join(data.Name(), "file"), []byte("changed here"), 0o644))
	must(t, btrfs.SetReadOnly(data, true))
	must(t, btrfs.Sync(data))
}

func TestModifiedParentIsRefused(t *testing.T) {
	s, snaps := threeSnapshots(t)
	newest := s.replica(t).Snapshots[2]
	s.spoil(t, newest)
	if got := s.replica(t).Snapshots[2]; !got.Modified || got.Problem == "" {
		t.Fatalf("not seen as modified: %+v", got)
	}
	next := s.snapshot(t)
	_, err := s.target.Receive(t.Context(), s.spec(next, snaps[2]), bytes.NewReader(s.send(t, formatV1, next, snaps[2])))
	if !errors.Is(err, receive.ErrModified) {
		t.Errorf("%v, want ErrModified", err)
	}
	s.wantNothingStaged(t)
	// The one before is a parent still.
	got := s.receive(t, formatV1, next, snaps[1])
	wantSame(t, s.at(next), s.data(t, got))
}

func TestUseAsAParentOrForARestoreIsNoModification(t *testing.T) {
	s, _ := threeSnapshots(t)
	got := s.replica(t).Snapshots[0]
	data, err := os.Open(s.data(t, got))
	must(t, err)
	defer func() { must(t, data.Close()) }()
	pool, err := os.Open(s.pool.Path())
	must(t, err)
	defer func() { must(t, pool.Close()) }()
	must(t, btrfs.CreateSnapshot(pool, "promoted", data, false))
	must(t, os.WriteFile(filepath.Join(pool.Name(), "promoted", "file"), nil, 0o644))
	must(t, btrfs.Sync(pool))
	for _, got := range s.replica(t).Snapshots {
		if got.Modified {
			t.Errorf("%s: %s", got.Dir, got.Problem)
		}
	}
}

func TestMissingParentIsRefusedBeforeTheStreamIsRead(t *testing.T) {
	s, snaps := threeSnapshots(t)
	spec := s.spec(s.snapshot(t), snaps[2])
	spec.Parent = btrfs.UUID{1}
	if _, err := s.target.Receive(t.Context(), spec, failing{io.ErrClosedPipe}); !errors.Is(err, receive.ErrNoParent) {
		t.Errorf("%v, want ErrNoParent", err)
	}
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

func TestStreamMustCarryWhatWasAgreedOn(t *testing.T) {
	s, snaps := threeSnapshots(t)
	next := s.snapshot(t)
	stream := s.send(t, formatV1, next, snaps[2])
	for rule, change := range map[string]func(*receive.Spec){
		"snapshot is not the one agreed on":       func(r *receive.Spec) { r.Snapshot = btrfs.UUID{1} },
		"snapshot changed since it was agreed on": func(r *receive.Spec) { r.CTransID++ },
		"parent is not the one agreed on":         func(r *receive.Spec) { r.Parent = snaps[0].UUID },
		"parent is not the one agreed on (full)":  func(r *receive.Spec) { r.Parent = btrfs.UUID{} },
		"stream longer than agreed":               func(r *receive.Spec) { r.MaxBytes = int64(len(stream)) - 1 },
	} {
		spec := s.spec(next, snaps[2])
		change(&spec)
		_, err := s.target.Receive(t.Context(), spec, bytes.NewReader(stream))
		var broken *sendstream.Error
		if !errors.As(err, &broken) || broken.Rule != strings.TrimSuffix(rule, " (full)") {
			t.Errorf("%v, want %q", err, rule)
		}
	}
	s.wantNothingStaged(t)
	spec := s.spec(next, snaps[2])
	spec.MaxBytes = int64(len(stream))
	_, err := s.target.Receive(t.Context(), spec, bytes.NewReader(stream))
	must(t, err)
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

func TestWayBackAfterAFailoverIsIncremental(t *testing.T) {
	s, snaps := threeSnapshots(t)
	// On the target: promote the newest replica, change it, snapshot it.
	root, err := os.Open(s.pool.Path())
	must(t, err)
	defer func() { must(t, root.Close()) }()
	data, err := os.Open(s.latest(t))
	must(t, err)
	defer func() { must(t, data.Close()) }()
	must(t, btrfs.CreateSnapshot(root, "promoted", data, false))
	must(t, os.WriteFile(filepath.Join(root.Name(), "promoted", "new"), []byte("new"), 0o644))
	share, err := s.pool.Share(t.Context(), "promoted")
	must(t, err)
	snap, err := s.pool.Snapshot(t.Context(), share, "back", time.Now())
	must(t, err)
	received, err := btrfs.Info(data)
	must(t, err)
	var stream bytes.Buffer
	_, err = s.pool.Send(t.Context(), &stream, btrfs.SendRequest{Snapshot: snap.UUID, Parent: received.UUID, Version: 1})
	must(t, err)
	// At the source: its own snapshot is the parent, if it is named.
	back := receive.NewTarget(s.source, discard())
	spec := receive.Spec{
		Source: "8BBBBBBBBBBB", SourceName: "nas-b", Share: "promoted", Run: 1,
		Snapshot: snap.UUID, CTransID: snap.CTransID, Taken: snap.Time, Parent: snaps[2].UUID,
	}
	if _, err := back.Receive(t.Context(), spec, bytes.NewReader(stream.Bytes())); !errors.Is(err, receive.ErrNoParent) {
		t.Errorf("without a word: %v", err)
	}
	spec.Own = []btrfs.UUID{snaps[2].UUID}
	_, err = back.Receive(t.Context(), spec, bytes.NewReader(stream.Bytes()))
	must(t, err)
	replica, _, err := back.Find(t.Context(), spec.Source, spec.Share)
	must(t, err)
	wantSame(t, filepath.Join(s.pool.Path(), ".btrmesh/send/back", snap.Name), latestOf(t, replica))
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
	must(t, os.Rename(s.replica(t).Path+"/"+s.replica(t).Snapshots[0].Dir, path("deleted-half")))
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

func TestCompressedStreamIsReceivedWithoutEncodedWrites(t *testing.T) {
	for _, algorithm := range []string{"zlib", "zstd", "lzo"} {
		t.Run(algorithm, func(t *testing.T) {
			s := newSite(t, compressed(algorithm), btrfstest.PoolOptions{})
			must(t, btrfstest.Mutate(s.dir(), 3, 300))
			text := strings.Repeat("the quick brown fox jumps over the lazy dog. ", 20000)
			must(t, os.WriteFile(filepath.Join(s.dir(), "text"), []byte(text), 0o644))
			snap := s.snapshot(t)
			stream := s.send(t, formatV2, snap, btrfs.Snapshot{})
			if n := encodedWrites(t, stream); n == 0 {
				t.Fatal("the stream has no encoded writes")
			}
			pool, err := os.Open(s.pool.Path())
			must(t, err)
			defer func() { must(t, pool.Close()) }()
			rd := sendstream.NewReader(bytes.NewReader(stream), sendstream.Limits{})
			must(t, receive.ApplyPlain(t.Context(), pool, rd, receive.Options{Name: "plain"}))
			wantSame(t, s.at(snap), filepath.Join(pool.Name(), "plain"))
		})
	}
}

func encodedWrites(t *testing.T, stream []byte) (n int) {
	t.Helper()
	rd := sendstream.NewReader(bytes.NewReader(stream), sendstream.Limits{})
	var c sendstream.Command
	for {
		err := rd.Next(&c)
		if err == io.EOF {
			return n
		}
		must(t, err)
		if c.Type == sendstream.CmdEncodedWrite {
			n++
		}
	}
}

func TestEncodedWritesStayCompressed(t *testing.T) {
	s := newSite(t, compressed("zstd"), btrfstest.PoolOptions{})
	text := strings.Repeat("the quick brown fox jumps over the lazy dog. ", 20000)
	must(t, os.WriteFile(filepath.Join(s.dir(), "text"), []byte(text+"unaligned"), 0o644))
	first := s.snapshot(t)
	s.receive(t, formatV2, first, btrfs.Snapshot{})
	// Shorter and unaligned: the kernel takes the last extent only after a cut.
	must(t, os.WriteFile(filepath.Join(s.dir(), "text"), []byte(text[:300001]), 0o644))
	second := s.snapshot(t)
	got := s.receive(t, formatV2, second, first)
	wantSame(t, s.at(second), s.data(t, got))
	extents, err := btrfstest.Extents(filepath.Join(s.data(t, got), "text"))
	must(t, err)
	for _, e := range extents {
		if e.Flags&btrfstest.ExtentEncoded == 0 {
			t.Errorf("extent %+v is not compressed", e)
		}
	}
}

func TestCancelledListingSaysSo(t *testing.T) {
	s, _ := threeSnapshots(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.target.Replicas(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
