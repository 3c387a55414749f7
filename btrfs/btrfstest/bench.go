package btrfstest

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
)

const (
	suiteSource = "SOURCEAAAAAAAAAAAAAAAAAAAA" // the ID of the appliance that sends
	suiteTask   = "task1"
)

// bench is one test with two pools, and what a case of the suite does with them
// again and again; everything that is not the point of a case fails the test.
type bench struct {
	*testing.T
	from Volumes
	to   Volumes
	now  time.Time // of the next snapshot
	run  uint64    // of the last one
}

func newBench(t *testing.T, open func(t *testing.T) Volumes) *bench {
	t.Helper()
	return &bench{T: t, from: open(t), to: open(t), now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func (b *bench) noError(what string, err error) {
	b.Helper()
	if err != nil {
		b.Fatalf("%s: %v", what, err)
	}
}

func (b *bench) wantError(what string, err, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Errorf("%s: error is %v, want %v", what, err, want)
	}
}

// share makes a share of the sending pool with a file in it.
func (b *bench) share(name string) btrfs.Share {
	b.Helper()
	b.noError("create share", b.from.CreateShare(name))
	b.write(name, "dir/first", "content of "+name)
	share, err := b.from.Share(b.Context(), name)
	b.noError("find share", err)
	return share
}

func (b *bench) write(share, path, content string) {
	b.Helper()
	b.noError("write file", b.from.WriteFile(share, path, []byte(content)))
}

// snapshot takes one a minute after the last.
func (b *bench) snapshot(share btrfs.Share, task string) btrfs.Snapshot {
	b.Helper()
	b.now = b.now.Add(time.Minute)
	snap, err := b.from.Snapshot(b.Context(), share, task, b.now)
	b.noError("take snapshot", err)
	return snap
}

// spec is the agreement on a run that sends snap relative to parent.
func (b *bench) spec(share btrfs.Share, snap btrfs.Snapshot, parent btrfs.UUID) receive.Spec {
	b.run++
	return receive.Spec{
		Source: suiteSource, SourceName: "attic", Share: share.Name, ShareUUID: share.UUID, Task: snap.Tasks[0], Run: b.run,
		Snapshot: snap.UUID, CTransID: snap.CTransID, Taken: snap.Time, Parent: parent,
	}
}

func (b *bench) stream(snap, parent btrfs.UUID) []byte {
	b.Helper()
	var stream bytes.Buffer
	stats, err := b.from.Send(b.Context(), &stream, btrfs.SendRequest{Snapshot: snap, Parent: parent})
	b.noError("send", err)
	if stats.Bytes != int64(stream.Len()) {
		b.Errorf("send counts %d bytes of %d", stats.Bytes, stream.Len())
	}
	return stream.Bytes()
}

// replicate takes a snapshot of share and commits it at the target.
func (b *bench) replicate(share btrfs.Share, parent btrfs.UUID) (btrfs.Snapshot, receive.Received) {
	b.Helper()
	snap := b.snapshot(share, suiteTask)
	got, err := b.to.Receive(b.Context(), b.spec(share, snap, parent), bytes.NewReader(b.stream(snap.UUID, parent)))
	b.noError("receive", err)
	return snap, got
}

// find returns the replica of share, with as many snapshots as wanted.
func (b *bench) find(share string, snapshots int) receive.Replica {
	b.Helper()
	r, found, err := b.to.Find(b.Context(), suiteSource, share)
	b.noError("find replica", err)
	if len(r.Snapshots) != snapshots || found != (snapshots > 0) {
		b.Fatalf("replica of %s: found is %v, %d snapshots, want %d", share, found, len(r.Snapshots), snapshots)
	}
	return r
}

// sameFiles compares a committed snapshot with a source snapshot.
func (b *bench) sameFiles(replica receive.Replica, got receive.Received, snap btrfs.Snapshot) {
	b.Helper()
	want, err := b.from.Files(filepath.Join(b.from.Path(), snap.Path()))
	b.noError("read snapshot", err)
	have, err := b.to.Files(filepath.Join(replica.Path, got.Dir, "data"))
	b.noError("read replica", err)
	if !maps.Equal(have, want) {
		b.Errorf("%d files differ from %d at the source", len(have), len(want))
	}
}

// breaking reads b and then fails with err.
func breaking(b []byte, err error) io.Reader {
	return io.MultiReader(bytes.NewReader(b), readerFunc(func([]byte) (int, error) { return 0, err }))
}
