package btrfstest

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
)

func fullStream(b *bench) {
	share := b.share("home/ann")
	b.write("home/ann", "a/deep/directory/file", strings.Repeat("much ", 100_000))
	b.write("home/ann", "empty", "")
	snap := b.snapshot(share, suiteTask)
	stream := b.stream(snap.UUID, btrfs.UUID{})
	spec := b.spec(share, snap, btrfs.UUID{})
	var applied int64
	spec.Progress = func(n int64) { applied = n }
	got, err := b.to.Receive(b.Context(), spec, bytes.NewReader(stream))
	b.noError("receive", err)
	replica := b.find("home/ann", 1)
	if replica.Snapshots[0] != got {
		b.Errorf("found %+v, received %+v", replica.Snapshots[0], got)
	}
	if replica.Source != suiteSource || replica.SourceName != "attic" || replica.Share != "home/ann" {
		b.Errorf("replica is %+v", replica)
	}
	checkReceived(b, got, spec, int64(len(stream)))
	if applied <= 0 || applied > got.StreamBytes {
		b.Errorf("progress is %d of %d bytes", applied, got.StreamBytes)
	}
	b.sameFiles(replica, got, snap)
}

func checkReceived(b *bench, got receive.Received, spec receive.Spec, bytes int64) {
	b.Helper()
	if got.Snapshot != spec.Snapshot || got.CTransID != spec.CTransID || got.Parent != spec.Parent ||
		!got.Taken.Equal(spec.Taken) || got.Task != spec.Task || got.Run != spec.Run ||
		got.ShareUUID != spec.ShareUUID || got.StreamBytes != bytes {
		b.Errorf("received %+v, agreed was %+v with %d bytes", got.Sidecar, spec, bytes)
	}
	if got.UUID.IsZero() || got.UUID == spec.Snapshot || got.Received.IsZero() || !got.ReadOnly || got.Modified || got.Problem != "" {
		b.Errorf("received %+v", got)
	}
	if want := spec.Taken.Format("20060102T150405Z"); got.Dir != want {
		b.Errorf("directory is %s, want %s", got.Dir, want)
	}
}

func incrementalStreams(b *bench) {
	share := b.share("photos")
	b.write("photos", "edited", strings.Repeat("0123456789", 50_000))
	b.write("photos", "cut", strings.Repeat("0123456789", 50_000))
	b.write("photos", "going/away", "soon")
	first, _ := b.replicate(share, btrfs.UUID{})
	b.write("photos", "edited", strings.Repeat("0123456789", 20_000)+"!"+strings.Repeat("0123456789", 29_000))
	b.write("photos", "cut", "0123456789")
	b.write("photos", "new/file", "x")
	b.noError("remove file", b.from.RemoveFile("photos", "going/away"))
	second, got := b.replicate(share, first.UUID)
	replica := b.find("photos", 2)
	b.sameFiles(replica, got, second)
	b.sameFiles(replica, replica.Snapshots[0], first)
	if got.Parent != first.UUID || replica.Snapshots[1] != got {
		b.Errorf("received %+v on top of %s, found %+v", got, first.UUID, replica.Snapshots[1])
	}
	third, got := b.replicate(share, second.UUID)
	b.sameFiles(b.find("photos", 3), got, third)
	b.noError("delete the parent at the source", b.from.ReleaseSnapshot(b.Context(), first, suiteTask))
	b.find("photos", 3)
}

func severalSources(b *bench) {
	share := b.share("photos")
	snap := b.snapshot(share, suiteTask)
	stream := b.stream(snap.UUID, btrfs.UUID{})
	sources := []string{suiteSource, "OTHERBBBBBBBBBBBBBBBBBBBB"}
	for _, source := range sources {
		spec := b.spec(share, snap, btrfs.UUID{})
		spec.Source = source // of the same name
		_, err := b.to.Receive(b.Context(), spec, bytes.NewReader(stream))
		b.noError("receive", err)
	}
	replicas, err := b.to.Replicas(b.Context())
	b.noError("list replicas", err)
	if len(replicas) != 2 || replicas[0].Path == replicas[1].Path {
		b.Fatalf("replicas are %+v", replicas)
	}
	for _, r := range replicas {
		if !slices.Contains(sources, r.Source) || r.SourceName != "attic" || len(r.Snapshots) != 1 {
			b.Errorf("replica is %+v", r)
		}
		b.sameFiles(r, r.Snapshots[0], snap)
	}
	_, found, err := b.to.Find(b.Context(), sources[1], "videos")
	if found || err != nil {
		b.Errorf("found a replica that is not there (%v)", err)
	}
}

func wrongParent(b *bench) {
	share := b.share("photos")
	first, _ := b.replicate(share, btrfs.UUID{})
	second, third := b.snapshot(share, suiteTask), b.snapshot(share, suiteTask)
	full, onFirst := b.stream(third.UUID, btrfs.UUID{}), b.stream(third.UUID, first.UUID)
	onSecond := b.stream(third.UUID, second.UUID)
	for _, c := range []struct {
		what   string
		parent btrfs.UUID
		stream []byte
		want   error
	}{
		{"a parent that the replica does not have", second.UUID, onSecond, receive.ErrNoParent},
		{"another parent than agreed", first.UUID, onSecond, sendstream.ErrInvalid},
		{"a full stream when a parent was agreed", first.UUID, full, sendstream.ErrInvalid},
		{"a parent when a full stream was agreed", btrfs.UUID{}, onFirst, sendstream.ErrInvalid},
	} {
		_, err := b.to.Receive(b.Context(), b.spec(share, third, c.parent), bytes.NewReader(c.stream))
		b.wantError(c.what, err, c.want)
	}
	b.find("photos", 1)
}

func wrongSnapshot(b *bench) {
	share := b.share("photos")
	first, second := b.snapshot(share, suiteTask), b.snapshot(share, suiteTask)
	_, err := b.to.Receive(b.Context(), b.spec(share, first, btrfs.UUID{}), bytes.NewReader(b.stream(second.UUID, btrfs.UUID{})))
	b.wantError("another snapshot", err, sendstream.ErrInvalid)
	spec := b.spec(share, first, btrfs.UUID{})
	spec.CTransID++
	_, err = b.to.Receive(b.Context(), spec, bytes.NewReader(b.stream(first.UUID, btrfs.UUID{})))
	b.wantError("another transaction", err, sendstream.ErrInvalid)
	b.find("photos", 0)
}

func committedOnce(b *bench) {
	share := b.share("photos")
	snap, want := b.replicate(share, btrfs.UUID{})
	got, err := b.to.Receive(b.Context(), b.spec(share, snap, btrfs.UUID{}), bytes.NewReader(b.stream(snap.UUID, btrfs.UUID{})))
	b.wantError("receive again", err, receive.ErrExists)
	if got != want {
		b.Errorf("committed was %+v, returned is %+v", want, got)
	}
	b.find("photos", 1)
}

func receivedOnceAtATime(b *bench) {
	share := b.share("photos")
	snap := b.snapshot(share, suiteTask)
	stream := b.stream(snap.UUID, btrfs.UUID{})
	spec := b.spec(share, snap, btrfs.UUID{})
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := b.to.Receive(b.Context(), spec, r)
		done <- err
	}()
	_, err := w.Write(stream[:1]) // taken once the run is under way
	b.noError("write stream", err)
	_, err = b.to.Receive(b.Context(), spec, bytes.NewReader(stream))
	b.wantError("receive the same run", err, receive.ErrBusy)
	_, err = w.Write(stream[1:])
	b.noError("write stream", errors.Join(err, w.Close()))
	b.noError("receive", <-done)
	b.find("photos", 1)
}

func brokenStream(b *bench) {
	share := b.share("photos")
	b.write("photos", "big", strings.Repeat("0123456789", 100_000))
	snap := b.snapshot(share, suiteTask)
	stream := b.stream(snap.UUID, btrfs.UUID{})
	spec := b.spec(share, snap, btrfs.UUID{})
	lost := errors.New("connection lost")
	damaged := bytes.Clone(stream)
	damaged[len(damaged)/2] ^= 1
	for what, c := range map[string]struct {
		stream io.Reader
		want   error
	}{
		"lost at the start":        {breaking(nil, lost), lost},
		"lost in the middle":       {breaking(stream[:len(stream)/2], lost), lost},
		"lost after the last byte": {breaking(stream, lost), lost},
		"cut in the middle":        {bytes.NewReader(stream[:len(stream)/2]), sendstream.ErrInvalid},
		"cut before the end":       {bytes.NewReader(stream[:len(stream)-10]), sendstream.ErrInvalid},
		"with more behind the end": {bytes.NewReader(append(bytes.Clone(stream), 0)), sendstream.ErrInvalid},
		"damaged":                  {bytes.NewReader(damaged), sendstream.ErrInvalid},
		"empty":                    {bytes.NewReader(nil), sendstream.ErrInvalid},
	} {
		_, err := b.to.Receive(b.Context(), spec, c.stream)
		b.wantError(what, err, c.want)
		b.find("photos", 0)
	}
	done, err := b.to.Sweep(b.Context())
	if len(done) > 0 || err != nil {
		b.Errorf("left behind: %q (%v)", done, err)
	}
	got, err := b.to.Receive(b.Context(), spec, bytes.NewReader(stream))
	b.noError("receive again", err)
	b.sameFiles(b.find("photos", 1), got, snap)
}

func longStream(b *bench) {
	share := b.share("photos")
	b.write("photos", "big", strings.Repeat("0123456789", 100_000))
	snap := b.snapshot(share, suiteTask)
	stream := b.stream(snap.UUID, btrfs.UUID{})
	spec := b.spec(share, snap, btrfs.UUID{})
	spec.MaxSpace = 1_000_000
	_, err := b.to.Receive(b.Context(), spec, bytes.NewReader(stream))
	b.wantError("more than allowed", err, sendstream.ErrTooMuch)
	b.find("photos", 0)
	spec.MaxSpace = int64(len(stream))
	_, err = b.to.Receive(b.Context(), spec, bytes.NewReader(stream))
	b.noError("receive as many as allowed", err)
}

func newestIsKept(b *bench) {
	share := b.share("photos")
	first, _ := b.replicate(share, btrfs.UUID{})
	b.write("photos", "new", "x")
	second, _ := b.replicate(share, first.UUID)
	replica := b.find("photos", 2)
	old, newest := replica.Snapshots[0], replica.Snapshots[1]
	b.wantError("delete the newest", b.to.Delete(b.Context(), replica, newest), receive.ErrNewest)
	for range 2 {
		b.noError("delete an old one", b.to.Delete(b.Context(), replica, old))
	}
	b.wantError("delete the last", b.to.Delete(b.Context(), replica, newest), receive.ErrNewest)
	replica = b.find("photos", 1)
	b.sameFiles(replica, replica.Snapshots[0], second)
	third, got := b.replicate(share, second.UUID)
	b.sameFiles(b.find("photos", 2), got, third)
}

func sweepRemovesStaging(b *bench) {
	share := b.share("photos")
	snap, got := b.replicate(share, btrfs.UUID{})
	b.noError("leave staging", b.to.LeaveStaging("crashed-7"))
	done, err := b.to.Sweep(b.Context())
	b.noError("sweep", err)
	if len(done) != 1 || !strings.Contains(done[0], "crashed-7") {
		b.Errorf("sweep did %q", done)
	}
	if done, err = b.to.Sweep(b.Context()); len(done) != 0 || err != nil {
		b.Errorf("sweep did %q (%v) the second time", done, err)
	}
	b.sameFiles(b.find("photos", 1), got, snap)
}
