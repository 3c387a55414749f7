//go:build root

package btrfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/sendstream"
)

// mixture makes a share of everything, with much that is shared and small parts of
// large extents, and a snapshot of it.
func mixture(t *testing.T, p *btrfs.Pool) btrfs.Snapshot {
	t.Helper()
	share := newShare(t, p, "a")
	dir := filepath.Join(p.Path(), "a")
	must(t, btrfstest.Mutate(dir, 5, 400))
	must(t, errors.Join(btrfstest.Fill(dir+"/small", 300, 10, 16_000, 1), btrfstest.Fill(dir+"/big", 2, 3<<20, 5<<20, 2)))
	must(t, text(dir+"/text"))
	for i := range 20 {
		copied, err := os.Create(fmt.Sprintf("%s/copy %d", dir, i))
		must(t, err)
		from := openDir(t, fmt.Sprintf("%s/small/d0000/f%06d", dir, 3*i))
		must(t, errors.Join(btrfs.CloneRange(copied, 0, from, 0, 0), copied.Close()))
		must(t, randomize(fmt.Sprintf("%s/big/d0000/f%06d", dir, i%2), int64(i)*77_777, 5000))
	}
	return snapshot(t, p, share, "task")
}

func TestFullStreamIsTheSameAfterABalance(t *testing.T) {
	for _, mount := range []string{"", "compress=zstd"} {
		p := newPool(t, mount)
		snap := mixture(t, p)
		for _, r := range formats {
			r.Snapshot = snap.UUID
			before, _ := send(t, p, r)
			run(t, "btrfs", "balance", "start", "--full-balance", p.Path())
			after, _ := send(t, p, r)
			if !bytes.Equal(before, after) {
				t.Errorf("mount options %q, version %d, compressed %v: the stream is another", mount, r.Version, r.Compressed)
			}
		}
	}
}

func TestFullStreamsOfOneSnapshotCanBeMadeAtTheSameTime(t *testing.T) {
	p := newPool(t, "")
	snap := mixture(t, p)
	want, _ := send(t, p, btrfs.SendRequest{Snapshot: snap.UUID})
	var g errgroup.Group
	for range 4 {
		g.Go(func() error {
			var b bytes.Buffer
			_, err := p.Send(t.Context(), &b, btrfs.SendRequest{Snapshot: snap.UUID})
			if err == nil && !bytes.Equal(b.Bytes(), want) {
				err = errors.New("the stream is another")
			}
			return err
		})
	}
	must(t, g.Wait())
}

func TestSnapshotStaysReadOnlyUntilTheEndOfAFullStream(t *testing.T) {
	p := newPool(t, "")
	snap := mixture(t, p)
	writes := 0
	w := writerFunc(func(b []byte) (int, error) {
		writes++
		wantError(t, btrfs.SetReadOnly(openDir(t, snapshotPath(p, snap)), false), unix.EPERM)
		wantError(t, p.ReleaseSnapshot(t.Context(), snap, "task"), unix.EPERM)
		return len(b), nil
	})
	_, err := p.Send(t.Context(), w, btrfs.SendRequest{Snapshot: snap.UUID})
	must(t, err)
	if writes < 2 {
		t.Errorf("%d writes", writes)
	}
	must(t, p.ReleaseSnapshot(t.Context(), snap, "task"))
}

// TestFullSendNamesTheFileThatCannotBeRead spoils the content of a file on the disk.
func TestFullSendNamesTheFileThatCannotBeRead(t *testing.T) {
	for _, mount := range []string{"", "compress-force=zstd"} {
		for _, r := range formats {
			if mount == "" && r.Compressed {
				continue // as plain
			}
			t.Run(fmt.Sprint(mount, r.Version, r.Compressed), func(t *testing.T) { sendSpoilt(t, mount, r) })
		}
	}
}

func sendSpoilt(t *testing.T, mountOptions string, r btrfs.SendRequest) {
	t.Helper()
	image := newImage(t)
	p := openPool(t, mount(t, image, mountOptions))
	share := newShare(t, p, "a")
	dir := filepath.Join(p.Path(), "a")
	must(t, btrfstest.Fill(dir, 50, 5000, 16_000, 1))
	must(t, os.Mkdir(dir+"/in here", 0o755))
	text := bytes.Repeat([]byte("what will be found on the disk; "), 5000)
	must(t, os.WriteFile(dir+"/in here/spoilt", text, 0o644))
	must(t, btrfstest.Fill(dir+"/more", 50, 5000, 16_000, 2))
	snap := snapshot(t, p, share, "task")
	must(t, p.SyncFS())
	extents, err := btrfstest.Extents(dir + "/in here/spoilt")
	must(t, err)
	spoil(t, p, image, extents[0])
	must(t, os.WriteFile("/proc/sys/vm/drop_caches", []byte("1"), 0))

	r.Snapshot = snap.UUID
	var stream bytes.Buffer
	_, err = p.Send(t.Context(), &stream, r)
	if err == nil || !strings.Contains(err.Error(), `"in here/spoilt"`) {
		t.Errorf("error is %v, want one that names the file", err)
	}
	wantError(t, err, unix.EIO)
	wantUnfinished(t, stream.Bytes())
}

// spoil changes bytes of an extent in the image of a pool.
func spoil(t *testing.T, p *btrfs.Pool, image string, e btrfstest.Extent) {
	t.Helper()
	at := onDevice(t, p, e.Physical)
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("spoilt"), at+100)
	must(t, errors.Join(err, f.Sync(), f.Close()))
}

// onDevice finds where on the one device of a pool an address is.
func onDevice(t *testing.T, p *btrfs.Pool, logical uint64) int64 {
	t.Helper()
	out, err := exec.Command("findmnt", "-no", "SOURCE", p.Path()).Output()
	must(t, err)
	dump, err := exec.Command("btrfs", "inspect-internal", "dump-tree", "-t", "chunk", strings.TrimSpace(string(out))).Output()
	must(t, err)
	var begin, length, stripe uint64
	for line := range strings.Lines(string(dump)) {
		line = strings.TrimSpace(line)
		if _, after, found := strings.Cut(line, "CHUNK_ITEM "); found {
			_, _ = fmt.Sscanf(after, "%d)", &begin) // of no chunk, it is no address
		}
		_, _ = fmt.Sscanf(line, "length %d", &length)
		if n, _ := fmt.Sscanf(line, "stripe 0 devid 1 offset %d", &stripe); n == 1 && begin <= logical && logical < begin+length {
			return int64(stripe + logical - begin)
		}
	}
	t.Fatalf("no chunk has address %d:\n%s", logical, dump)
	return 0
}

// wantUnfinished wants the beginning of a stream of whole commands, without an end.
func wantUnfinished(t *testing.T, stream []byte) {
	t.Helper()
	r := sendstream.NewReader(bytes.NewReader(stream), sendstream.Limits{})
	for {
		var c sendstream.Command
		err := r.Next(&c)
		var early *sendstream.Error
		if errors.As(err, &early) && early.Rule == "stream ends early" && r.Offset() == int64(len(stream)) {
			return
		}
		if err != nil {
			t.Errorf("%v after byte %d of %d", err, r.Offset(), len(stream))
			return
		}
		if c.Type == sendstream.CmdEnd {
			t.Error("the stream has an end")
		}
	}
}

func TestEstimateOfAFullStreamOfEverythingComesTrue(t *testing.T) {
	for _, mount := range []string{"", "compress=zstd"} {
		p := newPool(t, mount)
		snap := mixture(t, p)
		for _, r := range formats {
			r.Snapshot = snap.UUID
			wantEstimate(t, p, r, -0.5, 0.5)
		}
	}
}
