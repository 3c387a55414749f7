package btrfstest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"btrmesh/btrfs"
)

func sharesAreListed(b *bench) {
	for _, name := range []string{"photos", "archive", "Music"} {
		b.share(name)
	}
	shares, err := b.from.Shares(b.Context())
	b.noError("list shares", err)
	var names []string
	for _, s := range shares {
		names = append(names, s.Name)
	}
	if want := []string{"Music", "archive", "photos"}; !slices.Equal(names, want) {
		b.Errorf("shares are %q, want %q", names, want)
	}
}

func shareIsFound(b *bench) {
	want := b.share("photos")
	b.snapshot(want, suiteTask)
	shares, err := b.from.Shares(b.Context())
	b.noError("list shares", err)
	if len(shares) != 1 || shares[0].UUID != want.UUID || shares[0].ID != want.ID || want.ReadOnly {
		b.Errorf("listed %+v, found %+v", shares, want)
	}
	for name, want := range map[string]error{
		"photos/dir":       btrfs.ErrNotSubvolume,
		"videos":           fs.ErrNotExist,
		"photos/none":      fs.ErrNotExist,
		"":                 fs.ErrInvalid,
		"../photos":        fs.ErrInvalid,
		"dir/../photos":    fs.ErrInvalid,
		".btrmesh/send":    fs.ErrInvalid,
		"/photos":          fs.ErrInvalid,
		"photos/":          fs.ErrInvalid,
		".btrmesh":         fs.ErrInvalid,
		"./photos":         fs.ErrInvalid,
		"photos/../photos": fs.ErrInvalid,
	} {
		_, err := b.from.Share(b.Context(), name)
		b.wantError("share "+name, err, want)
	}
}

func snapshotsAreListed(b *bench) {
	share := b.share("photos")
	taken := []btrfs.Snapshot{
		b.snapshot(share, "task2"), b.snapshot(share, "task1"), b.snapshot(share, "task1"),
	}
	twin, err := b.from.Snapshot(b.Context(), share, "task1", b.now)
	b.noError("take a snapshot at the same time", err)
	got, err := b.from.Snapshots(b.Context())
	b.noError("list snapshots", err)
	if diff := cmp.Diff([]btrfs.Snapshot{taken[0], taken[1], taken[2], twin}, got); diff != "" {
		b.Errorf("snapshots (-want +got):\n%s", diff)
	}
	for _, s := range got {
		if !s.ReadOnly || s.ShareUUID != share.UUID || s.CTransID == 0 || !strings.HasPrefix(s.Name, s.Time.Format("20060102T150405")) {
			b.Errorf("snapshot of %s is %+v", share.UUID, s)
		}
	}
}

func snapshotIsDeleted(b *bench) {
	share := b.share("photos")
	first, second := b.snapshot(share, suiteTask), b.snapshot(share, suiteTask)
	for range 2 {
		b.noError("delete snapshot", b.from.ReleaseSnapshot(b.Context(), first, suiteTask))
	}
	got, err := b.from.Snapshots(b.Context())
	b.noError("list snapshots", err)
	if len(got) != 1 || got[0].UUID != second.UUID {
		b.Errorf("left are %+v, want %+v", got, second)
	}
	b.noError("delete the last snapshot", b.from.ReleaseSnapshot(b.Context(), second, suiteTask))
	b.snapshot(share, suiteTask)
}

func snapshotIsHeldByAll(b *bench) {
	share := b.share("photos")
	snap, other := b.snapshot(share, "first"), b.snapshot(share, "first")
	for range 2 {
		b.noError("hold", b.from.HoldSnapshot(b.Context(), snap, "second"))
	}
	b.holders(snap, "first", "second")
	b.holders(other, "first")
	b.noError("release by one that does not hold it", b.from.ReleaseSnapshot(b.Context(), snap, "third"))
	b.noError("release by the first", b.from.ReleaseSnapshot(b.Context(), snap, "first"))
	b.holders(snap, "second")
	b.stream(snap.UUID, btrfs.UUID{})
	b.noError("hold again", b.from.HoldSnapshot(b.Context(), snap, "first"))
	b.noError("release by the second", b.from.ReleaseSnapshot(b.Context(), snap, "second"))
	b.holders(snap, "first")
	b.noError("release by the last", b.from.ReleaseSnapshot(b.Context(), snap, "first"))
	b.holders(snap)
	b.holders(other, "first")
	swept, err := b.from.SweepSnapshots(b.Context())
	b.noError("sweep", err)
	if len(swept) > 0 {
		b.Errorf("swept %q after an orderly end", swept)
	}
}

// holders checks which tasks hold snap; none: it is gone.
func (b *bench) holders(snap btrfs.Snapshot, want ...string) {
	b.Helper()
	all, err := b.from.Snapshots(b.Context())
	b.noError("list snapshots", err)
	for _, s := range all {
		if s.UUID == snap.UUID {
			if !slices.Equal(s.Tasks, want) {
				b.Errorf("%s is held by %q, want %q", s.Name, s.Tasks, want)
			}
			return
		}
	}
	if len(want) > 0 {
		b.Errorf("%s is gone, want it held by %q", snap.Name, want)
	}
}

func holdOfNothing(b *bench) {
	share := b.share("photos")
	snap := b.snapshot(share, "first")
	b.noError("release", b.from.ReleaseSnapshot(b.Context(), snap, "first"))
	b.wantError("hold what is gone", b.from.HoldSnapshot(b.Context(), snap, "second"), btrfs.ErrNotSubvolume)
	b.wantError("hold the share", b.from.HoldSnapshot(b.Context(), btrfs.Snapshot{ID: share.ID, UUID: btrfs.UUID{1}}, "second"), btrfs.ErrNotSubvolume)
	b.holders(snap)
}

func generationTellsChange(b *bench) {
	share := b.share("photos")
	changed := func(s btrfs.Snapshot) bool {
		g, err := b.from.Generation(b.Context(), share)
		b.noError("read generation", err)
		return g > s.OTransID
	}
	snap := b.snapshot(share, suiteTask)
	for range 2 {
		if changed(snap) {
			b.Error("a share is changed by taking a snapshot or by asking")
		}
	}
	b.write("photos", "new", "x")
	if !changed(snap) {
		b.Error("a write is no change")
	}
	if snap = b.snapshot(share, suiteTask); changed(snap) {
		b.Error("a share is changed after a snapshot of it")
	}
	b.noError("remove file", b.from.RemoveFile("photos", "new"))
	if !changed(snap) {
		b.Error("a removal is no change")
	}
}

func estimatePredicts(b *bench) {
	share := b.share("photos")
	b.write("photos", "big", strings.Repeat("0123456789", 100_000))
	first := b.snapshot(share, suiteTask)
	b.write("photos", "more", strings.Repeat("abcdefghij", 30_000))
	second := b.snapshot(share, suiteTask)
	for _, parent := range []btrfs.UUID{{}, first.UUID} {
		want := int64(len(b.stream(second.UUID, parent)))
		got, err := b.from.Estimate(b.Context(), btrfs.SendRequest{Snapshot: second.UUID, Parent: parent})
		b.noError("estimate", err)
		if diff := got - want; diff < -want/100 || diff > want/100 {
			b.Errorf("estimate is %d, the stream has %d bytes", got, want)
		}
	}
}

func sendingNothing(b *bench) {
	share := b.share("photos")
	snap := b.snapshot(share, suiteTask)
	none := btrfs.UUID{1, 2, 3}
	for _, c := range []struct {
		what    string
		request btrfs.SendRequest
		want    error
	}{
		{"unknown snapshot", btrfs.SendRequest{Snapshot: none}, btrfs.ErrNotSubvolume},
		{"unknown parent", btrfs.SendRequest{Snapshot: snap.UUID, Parent: none}, btrfs.ErrNoParent},
		{"writable share", btrfs.SendRequest{Snapshot: share.UUID}, btrfs.ErrNotReadOnly},
	} {
		stats, err := b.from.Send(b.Context(), io.Discard, c.request)
		b.wantError("send of "+c.what, err, c.want)
		if stats.Bytes != 0 {
			b.Errorf("%s: %d bytes were sent", c.what, stats.Bytes)
		}
		_, err = b.from.Estimate(b.Context(), c.request)
		b.wantError("estimate of "+c.what, err, c.want)
	}
	broken := errors.New("reader is gone")
	_, err := b.from.Send(b.Context(), failingWriter{broken}, btrfs.SendRequest{Snapshot: snap.UUID})
	b.wantError("send to nobody", err, broken)
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func cancelledCalls(b *bench) {
	share := b.share("photos")
	snap := b.snapshot(share, suiteTask)
	stream := b.stream(snap.UUID, btrfs.UUID{})
	reason := errors.New("stop")
	ctx, cancel := context.WithCancelCause(b.Context())
	cancel(reason)
	var sent bytes.Buffer
	// A short stream may be through before the end of ctx is seen.
	_, err := b.from.Send(ctx, &sent, btrfs.SendRequest{Snapshot: snap.UUID})
	if err != nil || !bytes.Equal(sent.Bytes(), stream) {
		b.wantError("send", err, reason)
	}
	_, err = b.to.Receive(ctx, b.spec(share, snap, btrfs.UUID{}), bytes.NewReader(stream))
	b.wantError("receive", err, reason)
	_, err = b.from.Snapshot(ctx, share, suiteTask, b.now)
	b.wantError("snapshot", err, reason)
	_, err = b.from.Shares(ctx)
	b.wantError("shares", err, reason)
	b.find("photos", 0)
}
