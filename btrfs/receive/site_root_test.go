//go:build root

package receive_test

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
)

const (
	sourceID   = "7QK4D2MAAAAAAAAAAAAAAAAAAAAAAAAA"
	sourceName = "nas-a"
	shareName  = "photos"
)

// site is a share on one pool and a target on another.
type site struct {
	source, pool *btrfs.Pool
	target       *receive.Target
	share        btrfs.Share
	id           string // of the appliance that sends
	run          uint64
	now          time.Time
	stock        bool // full streams are those of SEND
}

// format is a kind of stream.
type format struct {
	name       string
	version    uint32
	compressed bool
}

var (
	formatV1 = format{"v1", 1, false}
	formatV2 = format{"v2 compressed", 2, true}
)

func newSite(t *testing.T, source, target btrfstest.PoolOptions) *site {
	t.Helper()
	s := &site{
		source: btrfstest.NewPool(t, source), pool: btrfstest.NewPool(t, target),
		id: sourceID, now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC),
	}
	s.target = receive.NewTarget(s.pool, discard())
	dir, err := os.Open(s.source.Path())
	must(t, err)
	defer func() { must(t, dir.Close()) }()
	must(t, btrfs.CreateSubvolume(dir, shareName))
	s.share, err = s.source.Share(t.Context(), shareName)
	must(t, err)
	return s
}

// as is the same share and pool with another appliance as the sender, so that the
// replica is another one.
func (s *site) as(id string) *site {
	other := *s
	other.id, other.target = id, receive.NewTarget(s.pool, discard())
	return &other
}

// dir is the path of the share.
func (s *site) dir() string { return filepath.Join(s.source.Path(), shareName) }

// snapshot takes the next snapshot, a minute after the last.
func (s *site) snapshot(t *testing.T) btrfs.Snapshot {
	t.Helper()
	s.now = s.now.Add(time.Minute)
	snap, err := s.source.Snapshot(t.Context(), s.share, "task", s.now)
	must(t, err)
	return snap
}

// at is the path of a snapshot at the source.
func (s *site) at(snap btrfs.Snapshot) string {
	return filepath.Join(s.source.Path(), snap.Path())
}

// send returns the stream of snap; a zero parent makes it a full one.
func (s *site) send(t *testing.T, f format, snap, parent btrfs.Snapshot) []byte {
	t.Helper()
	stream, err := s.sendFrom(t, f, snap, parent, sendstream.Position{})
	must(t, err)
	return stream
}

// spec is what the sender of snap would offer.
func (s *site) spec(snap, parent btrfs.Snapshot) receive.Spec {
	s.run++
	return receive.Spec{
		Source: s.id, SourceName: sourceName, Share: shareName, ShareUUID: s.share.UUID,
		Task: "task", Run: s.run,
		Snapshot: snap.UUID, CTransID: snap.CTransID, Taken: snap.Time, Parent: parent.UUID,
	}
}

func (s *site) receive(t *testing.T, f format, snap, parent btrfs.Snapshot) receive.Received {
	t.Helper()
	return s.receiveStream(t, s.spec(snap, parent), s.send(t, f, snap, parent))
}

func (s *site) receiveStream(t *testing.T, spec receive.Spec, stream []byte) receive.Received {
	t.Helper()
	got, err := s.target.Receive(t.Context(), spec, bytes.NewReader(stream))
	must(t, err)
	return got
}

// replica is the only one there is.
func (s *site) replica(t *testing.T) receive.Replica {
	t.Helper()
	replica, found, err := s.target.Find(t.Context(), s.id, shareName)
	must(t, err)
	if !found {
		t.Fatal("there is no replica")
	}
	return replica
}

// data is the path of a received snapshot.
func (s *site) data(t *testing.T, got receive.Received) string {
	t.Helper()
	return filepath.Join(s.replica(t).Path, got.Dir, "data")
}

// latest is the path of the snapshot that latest points to.
func (s *site) latest(t *testing.T) string {
	t.Helper()
	return latestOf(t, s.replica(t))
}

func latestOf(t *testing.T, replica receive.Replica) string {
	t.Helper()
	path, err := filepath.EvalSymlinks(filepath.Join(replica.Path, "latest"))
	must(t, err)
	return path
}

// wantEmpty fails unless nothing is visible and nothing staged.
func (s *site) wantEmpty(t *testing.T) {
	t.Helper()
	replicas, err := s.target.Replicas(context.WithoutCancel(t.Context()))
	must(t, err)
	if len(replicas) != 0 {
		t.Errorf("replicas are visible: %v", replicas)
	}
	s.wantNothingStaged(t)
}

func (s *site) wantNothingStaged(t *testing.T) {
	t.Helper()
	names, err := os.ReadDir(filepath.Join(s.pool.Path(), ".btrmesh", "incoming"))
	must(t, err)
	if len(names) != 0 {
		t.Errorf("incoming holds %v", names)
	}
}

func wantSame(t *testing.T, source, replica string) {
	t.Helper()
	wantTree(t, digest(t, source), replica)
}

// wantTree is wantSame when the digest of the source is known.
func wantTree(t *testing.T, source btrfstest.Tree, replica string) {
	t.Helper()
	if diff := btrfstest.Diff(source, digest(t, replica)); diff != "" {
		t.Errorf("replica differs from its source:\n%s", diff)
	}
}

func digest(t *testing.T, dir string) btrfstest.Tree {
	t.Helper()
	tree, err := btrfstest.Digest(dir)
	must(t, err)
	return tree
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func compressed(with string) btrfstest.PoolOptions {
	return btrfstest.PoolOptions{Mount: "compress-force=" + cmp.Or(with, "zstd")}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
