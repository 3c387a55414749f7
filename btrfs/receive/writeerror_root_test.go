//go:build root

package receive_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/image"
	"btrmesh/btrfs/receive"
)

// brittle is an image on a memory file system of limited size. All but its file
// data has its room there: with no more to be had, the data alone fails to write.
type brittle struct{ dir string }

func newBrittle(t *testing.T) brittle {
	t.Helper()
	b := brittle{t.TempDir()}
	must(t, unix.Mount("tmpfs", b.dir, "tmpfs", 0, "size=2g"))
	t.Cleanup(func() { must(t, unix.Unmount(b.dir, unix.MNT_DETACH)) })
	must(t, image.Create(b.file(), 1<<30, "brittle"))
	mounted, err := image.Mount(b.file(), t.TempDir(), "nodiscard") // grows it
	must(t, err)
	must(t, mounted.Close())
	b.reserve(t)
	return b
}

func (b brittle) file() string { return filepath.Join(b.dir, "image") }

var (
	metadataChunk = regexp.MustCompile(`length (\d+) owner 2 stripe_len \d+ type (?:METADATA|SYSTEM)\S*\n.*\n.*\n((?:\t\t\tstripe .*\n|\t\t\tdev_uuid .*\n)+)`)
	chunkStripe   = regexp.MustCompile(`stripe \d+ devid 1 offset (\d+)`)
)

// reserve takes room for the metadata and the first superblocks.
func (b brittle) reserve(t *testing.T) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "btrfs", "inspect-internal", "dump-tree", "-t", "chunk", b.file()).Output()
	must(t, err)
	file, err := os.OpenFile(b.file(), os.O_RDWR, 0)
	must(t, err)
	defer func() { must(t, file.Close()) }()
	take := func(offset, length int64) { must(t, unix.Fallocate(int(file.Fd()), 0, offset, length)) }
	take(0, 1<<20)
	take(64<<20, 1<<20)
	stripes := 0
	for _, chunk := range metadataChunk.FindAllSubmatch(out, -1) {
		length, err := strconv.ParseInt(string(chunk[1]), 10, 64)
		must(t, err)
		for _, stripe := range chunkStripe.FindAllSubmatch(chunk[2], -1) {
			offset, err := strconv.ParseInt(string(stripe[1]), 10, 64)
			must(t, err)
			take(offset, length)
			stripes++
		}
	}
	if stripes < 2 {
		t.Fatalf("%d stripes of metadata in %s", stripes, out)
	}
}

// spoil lets writes of data fail from now on. What is written meanwhile makes the
// size found too small.
func (b brittle) spoil(t *testing.T) {
	t.Helper()
	for {
		var st unix.Statfs_t
		must(t, unix.Statfs(b.dir, &st))
		err := b.resize(int64(st.Blocks-st.Bfree) * st.Bsize)
		if !errors.Is(err, unix.EINVAL) {
			must(t, err)
			return
		}
	}
}

func (b brittle) heal(t *testing.T) {
	t.Helper()
	must(t, b.resize(2<<30))
}

func (b brittle) resize(bytes int64) error {
	return unix.Mount("tmpfs", b.dir, "tmpfs", unix.MS_REMOUNT, "size="+strconv.FormatInt(bytes, 10))
}

// onBrittle runs a test for each kind of write, with a snapshot to be received by
// a site whose target is on b.
func onBrittle(t *testing.T, test func(t *testing.T, s *site, b brittle, f format, snap btrfs.Snapshot)) {
	t.Helper()
	for _, c := range []struct {
		f    format
		fill func(dir string) error
	}{
		{formatV1, func(dir string) error { return btrfstest.Fill(dir, 60, 100<<10, 200<<10, 1) }},
		{formatV2, fillWithText},
	} {
		t.Run(c.f.name, func(t *testing.T) {
			s := newSite(t, compressed("zstd"), btrfstest.PoolOptions{})
			must(t, c.fill(s.dir()))
			snap := s.snapshot(t)
			b := newBrittle(t)
			s.mountWith(t, b.file(), "nodiscard", func() { test(t, s, b, c.f, snap) })
		})
	}
}

func TestSnapshotWhoseDataWasNotWrittenIsNotCommitted(t *testing.T) {
	onBrittle(t, func(t *testing.T, s *site, b brittle, f format, snap btrfs.Snapshot) {
		t.Helper()
		s.target.SetPace(1<<40, 0)
		spec, stream := s.rest(t, f, snap, btrfs.Snapshot{})
		b.spoil(t)
		_, err := s.target.Receive(t.Context(), spec, bytes.NewReader(stream))
		b.heal(t)
		if !isOfDisk(err) {
			t.Errorf("%v, want the error of the disk", err)
		}
		s.wantEmpty(t)
		s.finish(t, f, snap, btrfs.Snapshot{})
		wantSame(t, s.at(snap), s.latest(t))
	})
}

// A kill forgets the descriptors that would tell of the error.
func TestCheckpointWhoseDataWasNotWrittenIsNotGoneOnFrom(t *testing.T) {
	onBrittle(t, func(t *testing.T, s *site, b brittle, f format, snap btrfs.Snapshot) {
		t.Helper()
		s.spoilHalfway(t, b, f, snap)
		s.target = receive.NewTarget(s.pool, discard())
		_, err := s.target.Sweep(t.Context())
		must(t, err)
		if got := s.finish(t, f, snap, btrfs.Snapshot{}); got.ResumedBytes == 0 {
			t.Error("what was saved before is lost")
		}
		wantSame(t, s.at(snap), s.latest(t))
	})
}

func isOfDisk(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EIO) }

// spoilHalfway receives snap in a process that is killed at the end of the
// stream. From the middle on no data is written. Afterwards somebody else has been
// told of that.
func (s *site) spoilHalfway(t *testing.T, b brittle, f format, snap btrfs.Snapshot) {
	t.Helper()
	spec, stream := s.rest(t, f, snap, btrfs.Snapshot{})
	half := len(stream) / 2
	err := s.target.Abandon(t.Context(), spec, io.MultiReader(bytes.NewReader(stream[:half]),
		during(func() { b.spoil(t) }), bytes.NewReader(stream[half:]), failing{errCut}))
	b.heal(t)
	if !isOfDisk(err) {
		t.Errorf("%v, want the error of the disk", err)
	}
	_ = s.pool.SyncFS() // has its error, if nobody had it before
	if c := s.newest(t, snap); c.At.Bytes > int64(half) {
		t.Errorf("checkpoint at %d, the disk failed at %d", c.At.Bytes, half)
	}
}

// fillWithText makes files of extents that compress to several sectors.
func fillWithText(dir string) error {
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 60 {
		var text []byte
		for range 25000 {
			text = strconv.AppendUint(text, rng.Uint64N(1<<20), 10)
		}
		if err := os.WriteFile(filepath.Join(dir, "text"+strconv.Itoa(i)), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
