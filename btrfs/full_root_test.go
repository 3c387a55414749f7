//go:build root

package btrfs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
)

func TestFullStreamIsTheSameEachTime(t *testing.T) {
	p := newPool(t, "compress=zstd")
	_, second := history(t, p)
	for _, r := range formats {
		r.Snapshot = second.UUID
		first, stats := send(t, p, r)
		again, _ := send(t, p, r)
		if !bytes.Equal(first, again) {
			t.Errorf("version %d, compressed %v: %d bytes, and %d others", r.Version, r.Compressed, len(first), len(again))
		}
		if clones := stats.Kinds[sendstream.CmdClone].Commands; clones == 0 {
			t.Errorf("version %d, compressed %v: no clones", r.Version, r.Compressed)
		}
	}
}

// A resume may ask for another form.
func TestPositionsOfFullStreamsDoNotDependOnCompression(t *testing.T) {
	p := newPool(t, "compress=zstd")
	_, second := history(t, p)
	plain, _ := send(t, p, btrfs.SendRequest{Snapshot: second.UUID, Version: 2})
	packed, _ := send(t, p, btrfs.SendRequest{Snapshot: second.UUID, Version: 2, Compressed: true})
	a, b := positionsOf(t, plain), positionsOf(t, packed)
	if x, y := a[len(a)-1], b[len(b)-1]; x.Meta != y.Meta || x.Fingerprint != y.Fingerprint {
		t.Errorf("at the end: %v plain, %v compressed", x, y)
	}
}

// Nothing has to be synced for a stream to hold all that was written, not even
// where a subvolume was made read-only without a snapshot.
func TestFullStreamHasWhatWasJustWritten(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "a")
	dir := filepath.Join(p.Path(), "a")
	for range 3 {
		must(t, os.WriteFile(filepath.Join(dir, "big"), make([]byte, 1<<20), 0o644))
		must(t, os.WriteFile(filepath.Join(dir, "small"), []byte("content"), 0o644))
		must(t, btrfs.SetReadOnly(openDir(t, dir), true))
		stream, stats := send(t, p, btrfs.SendRequest{Snapshot: share.UUID})
		if stats.DataBytes != 1<<20+7 || !bytes.Contains(stream, []byte("content")) {
			t.Errorf("%d bytes of content, want %d", stats.DataBytes, 1<<20+7)
		}
		must(t, btrfs.SetReadOnly(openDir(t, dir), false))
	}
}

// One of a few commands, all of which fit into any pipe.
func TestSmallSnapshotIsKeptAsWell(t *testing.T) {
	p := newPool(t, "")
	snap := snapshot(t, p, newShare(t, p, "a"), "task")
	w := writerFunc(func(b []byte) (int, error) {
		wantError(t, p.ReleaseSnapshot(t.Context(), snap, "task"), unix.EPERM)
		return len(b), nil
	})
	_, err := p.Send(t.Context(), w, btrfs.SendRequest{Snapshot: snap.UUID})
	must(t, err)
	must(t, p.ReleaseSnapshot(t.Context(), snap, "task"))
}

func TestFullStreamLeavesNothingInThePageCache(t *testing.T) {
	for _, options := range []string{"", "compress-force=zstd"} {
		p := newPool(t, options)
		_, snap := aheadShare(t, p)
		open := count(t, "/proc/self/fd")
		_, err := p.Send(t.Context(), io.Discard, btrfs.SendRequest{Snapshot: snap.UUID, Version: 1})
		must(t, err)
		if left := cachedBytes(t, snapshotPath(p, snap)); left > 0 {
			t.Errorf("%q: %d bytes were left in the page cache", options, left)
		}
		if now := count(t, "/proc/self/fd"); now > open {
			t.Errorf("%q: %d open files became %d", options, open, now)
		}
	}
}

// Where no more files can be opened, the send fails and says at which.
func TestFullStreamNamesTheFileItCannotRead(t *testing.T) {
	p := newPool(t, "")
	_, snap := aheadShare(t, p)
	var old unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &old))
	t.Cleanup(func() { must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &old)) })
	few := unix.Rlimit{Cur: uint64(count(t, "/proc/self/fd")) + 8, Max: old.Max}
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &few))
	_, err := p.Send(t.Context(), io.Discard, btrfs.SendRequest{Snapshot: snap.UUID})
	wantError(t, err, unix.EMFILE)
	if err != nil && !strings.Contains(err.Error(), `"small/d0`) {
		t.Errorf("%v names no file", err)
	}
}

func TestFullStreamStopsInMidResume(t *testing.T) {
	p := newPool(t, "")
	_, second := history(t, p)
	stream, _ := send(t, p, btrfs.SendRequest{Snapshot: second.UUID})
	all := positionsOf(t, stream)
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	w := writerFunc(func(b []byte) (int, error) {
		cancel(stop)
		return len(b), nil
	})
	_, err := p.Send(ctx, w, btrfs.SendRequest{Snapshot: second.UUID, From: all[len(all)/8]})
	wantError(t, err, stop)
	must(t, p.ReleaseSnapshot(t.Context(), second, "task"))
}
