//go:build root

package receive_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
)

// newest is the checkpoint of snap, zero if there is none.
func (s *site) newest(t *testing.T, snap btrfs.Snapshot) receive.Checkpoint {
	t.Helper()
	c, found, err := s.target.Checkpoint(context.WithoutCancel(t.Context()), s.id, shareName, snap.UUID)
	must(t, err)
	if found == c.At.IsZero() {
		t.Errorf("found is %v for %v", found, c.At)
	}
	return c
}

// wantNoStepBack fails if what is saved of snap is less than what was.
func (s *site) wantNoStepBack(t *testing.T, snap btrfs.Snapshot, was sendstream.Position) {
	t.Helper()
	if now := s.newest(t, snap); now.At.Meta < was.Meta {
		t.Errorf("checkpoint at %d after one at %d", now.At.Meta, was.Meta)
	}
}

// checkpoint is the one of snap, which must be there.
func (s *site) checkpoint(t *testing.T, snap btrfs.Snapshot) receive.Checkpoint {
	t.Helper()
	c := s.newest(t, snap)
	if c.At.IsZero() {
		t.Fatal("there is no checkpoint")
	}
	return c
}

// staged is the path of what is staged for snap.
func (s *site) staged(snap btrfs.Snapshot) string {
	return filepath.Join(s.pool.Path(), ".btrmesh", "incoming", receive.StagingName(s.id, shareName, snap.UUID))
}

// wantOnlyCheckpoint wants one checkpoint staged, read-only and without a
// received UUID, and nothing that looks like a replica.
func (s *site) wantOnlyCheckpoint(t *testing.T, snap btrfs.Snapshot) {
	t.Helper()
	c := s.checkpoint(t, snap)
	names, err := os.ReadDir(s.staged(snap))
	must(t, err)
	if len(names) != 1 || names[0].Name() != receive.CheckpointName(c) {
		t.Errorf("staged are %v", names)
	}
	dir, err := os.Open(filepath.Join(s.staged(snap), names[0].Name()))
	must(t, err)
	defer func() { must(t, dir.Close()) }()
	have, err := btrfs.Info(dir)
	must(t, err)
	if !have.ReadOnly || !have.ReceivedUUID.IsZero() {
		t.Errorf("checkpoint is %+v", have)
	}
	replica, found, err := s.target.Find(context.WithoutCancel(t.Context()), s.id, shareName)
	must(t, err)
	for _, got := range replica.Snapshots {
		if found && got.Snapshot == snap.UUID {
			t.Errorf("visible as %s", got.Dir)
		}
	}
}

func TestStopTakesALastCheckpoint(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	s.tree(t, 1)
	snap := s.snapshot(t)
	stream := s.send(t, formatV1, snap, btrfs.Snapshot{})
	ctx, stop := context.WithCancelCause(t.Context())
	r := &stopping{rest: stream, at: len(stream) / 3, stop: func() { stop(errCut) }}
	_, err := s.target.Receive(ctx, s.spec(snap, btrfs.Snapshot{}), r)
	if !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	if c := s.checkpoint(t, snap); c.At.Bytes < int64(len(stream)/3-512<<10) || time.Since(c.Made) > time.Minute {
		t.Errorf("checkpoint at %d of %d bytes, made %v", c.At.Bytes, len(stream)/3, c.Made)
	}
	s.wantOnlyCheckpoint(t, snap)
	s.finish(t, formatV1, snap, btrfs.Snapshot{})
}

// stopping is a stream during which somebody says stop.
type stopping struct {
	rest []byte
	at   int
	stop func()
}

func (r *stopping) Read(p []byte) (int, error) {
	n := copy(p[:min(len(p), 64<<10)], r.rest)
	r.rest = r.rest[n:]
	if r.at -= n; r.at <= 0 {
		r.stop()
	}
	return n, nil
}

func TestCommitRemovesWhatIsStagedForOlderSnapshots(t *testing.T) {
	s, snaps := threeSnapshots(t)
	cut := s.snapshot(t)
	stream := s.send(t, formatV1, cut, snaps[2])
	for _, share := range []string{shareName, "other"} {
		spec := s.spec(cut, btrfs.Snapshot{})
		spec.Share = share
		if share == shareName {
			spec.Parent = snaps[2].UUID
		} else {
			stream = s.send(t, formatV1, cut, btrfs.Snapshot{})
		}
		s.receiveCut(t, spec, stream, len(stream)-10)
	}
	next := s.snapshot(t)
	s.receive(t, formatV1, next, snaps[2])
	if _, found, err := s.target.Checkpoint(t.Context(), sourceID, shareName, cut.UUID); found || err != nil {
		t.Errorf("the checkpoint of an overtaken snapshot is there (%v)", err)
	}
	if _, found, err := s.target.Checkpoint(t.Context(), sourceID, "other", cut.UUID); !found || err != nil {
		t.Errorf("the checkpoint of another replica is gone (%v)", err)
	}
}

func TestSweepKeepsTheNewestCheckpointForAWeek(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	s.tree(t, 1)
	snap := s.snapshot(t)
	stream := s.send(t, formatV1, snap, btrfs.Snapshot{})
	s.receiveCut(t, s.spec(snap, btrfs.Snapshot{}), stream, len(stream)/2)
	c := s.checkpoint(t, snap)
	dir, err := os.Open(s.staged(snap))
	must(t, err)
	defer func() { must(t, dir.Close()) }()
	older, writable := c, c
	older.At.Meta--
	writable.At.Meta++
	must(t, btrfs.CreateSubvolume(dir, "data"))
	must(t, btrfs.CreateSubvolume(dir, receive.CheckpointName(writable)))
	must(t, os.Mkdir(filepath.Join(dir.Name(), receive.CheckpointName(older)), 0o700))
	must(t, os.WriteFile(filepath.Join(dir.Name(), "ck-junk"), nil, 0o600))
	done, err := s.target.Sweep(t.Context())
	must(t, err)
	if len(done) != 4 {
		t.Errorf("sweep did %q, want 4 things", done)
	}
	s.wantOnlyCheckpoint(t, snap)
	if done, err := s.target.SweepAt(time.Now().Add(6 * 24 * time.Hour)); len(done) != 0 || err != nil {
		t.Errorf("sweep within the week did %q (%v)", done, err)
	}
	if done, err := s.target.SweepAt(time.Now().Add(8 * 24 * time.Hour)); len(done) != 1 || err != nil {
		t.Errorf("sweep after the week did %q (%v)", done, err)
	}
	s.wantEmpty(t)
}
