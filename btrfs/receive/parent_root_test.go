//go:build root

package receive_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
)

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

func TestStreamMustCarryWhatWasAgreedOn(t *testing.T) {
	s, snaps := threeSnapshots(t)
	must(t, os.WriteFile(filepath.Join(s.dir(), "new"), []byte("new"), 0o644))
	next := s.snapshot(t)
	stream := s.send(t, formatV1, next, snaps[2])
	for rule, change := range map[string]func(*receive.Spec){
		"snapshot is not the one agreed on":       func(r *receive.Spec) { r.Snapshot = btrfs.UUID{1} },
		"snapshot changed since it was agreed on": func(r *receive.Spec) { r.CTransID++ },
		"parent is not the one agreed on":         func(r *receive.Spec) { r.Parent = snaps[0].UUID },
		"parent is not the one agreed on (full)":  func(r *receive.Spec) { r.Parent = btrfs.UUID{} },
		"stream takes more space than agreed":     func(r *receive.Spec) { r.MaxSpace = 1 },
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
	spec.MaxSpace = int64(len(stream))
	_, err := s.target.Receive(t.Context(), spec, bytes.NewReader(stream))
	must(t, err)
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
	wantSame(t, filepath.Join(s.pool.Path(), snap.Path()), latestOf(t, replica))
}
