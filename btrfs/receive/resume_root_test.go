//go:build root

package receive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
)

// often is a pace that takes many checkpoints of small trees.
const often = 128 << 10

// errCut is what the reader of a lost connection returns.
var errCut = errors.New("connection lost")

// cutAt is a stream of which only n bytes arrive.
func cutAt(stream []byte, n int) io.Reader {
	return io.MultiReader(bytes.NewReader(stream[:n]), failing{errCut})
}

// receiveCut receives the first n bytes of a stream, and then no more.
func (s *site) receiveCut(t *testing.T, spec receive.Spec, stream []byte, n int) {
	t.Helper()
	if _, err := s.target.Receive(t.Context(), spec, cutAt(stream, n)); !errors.Is(err, errCut) {
		t.Fatalf("%v, want the reader's error", err)
	}
}

// sendFrom returns the rest of the stream of snap.
func (s *site) sendFrom(t *testing.T, f format, snap, parent btrfs.Snapshot, from sendstream.Position) ([]byte, error) {
	t.Helper()
	if s.stock && parent.UUID.IsZero() {
		return s.stockFrom(t, f, snap, from)
	}
	var stream bytes.Buffer
	_, err := s.source.Send(t.Context(), &stream, btrfs.SendRequest{
		Snapshot: snap.UUID, Parent: parent.UUID, Version: f.version, Compressed: f.compressed, From: from,
	})
	return stream.Bytes(), err
}

// rest is what a sender offers of snap and then sends: what comes behind the
// newest checkpoint, or all of it.
func (s *site) rest(t *testing.T, f format, snap, parent btrfs.Snapshot) (receive.Spec, []byte) {
	t.Helper()
	spec := s.spec(snap, parent)
	spec.From = s.newest(t, snap).At
	stream, err := s.sendFrom(t, f, snap, parent, spec.From)
	must(t, err)
	return spec, stream
}

// interrupted sends that many snapshots of a tree that grows, each in several
// attempts: interrupt makes all but the last of them.
func (s *site) interrupted(t *testing.T, f format, snapshots int, interrupt func(snap, parent btrfs.Snapshot)) {
	t.Helper()
	var parent btrfs.Snapshot
	for i := range uint64(snapshots) {
		s.tree(t, 10*i+uint64(f.version))
		snap := s.snapshot(t)
		interrupt(snap, parent)
		if got := s.finish(t, f, snap, parent); got.ResumedBytes == 0 {
			t.Error("nothing was saved")
		}
		parent = snap
	}
}

// finish receives the rest, or the whole stream if there is no checkpoint.
func (s *site) finish(t *testing.T, f format, snap, parent btrfs.Snapshot) receive.Received {
	t.Helper()
	spec, stream := s.rest(t, f, snap, parent)
	got := s.receiveStream(t, spec, stream)
	if got.ResumedBytes != spec.From.Bytes || got.StreamBytes < got.ResumedBytes || got.Problem != "" {
		t.Errorf("received %+v after %d bytes", got, spec.From.Bytes)
	}
	s.wantNothingStaged(t)
	wantSame(t, s.at(snap), s.data(t, got))
	return got
}

// shuffleExtents moves and cuts extents of the source as its owner may at any
// time.
func (s *site) shuffleExtents(t *testing.T) {
	t.Helper()
	for _, args := range [][]string{
		{"filesystem", "defragment", "-r", "-f", "-t", "64K", s.dir()},
		{"balance", "start", "--full-balance", s.source.Path()},
	} {
		if out, err := exec.CommandContext(t.Context(), "btrfs", args...).CombinedOutput(); err != nil {
			t.Fatalf("btrfs %v: %v\n%s", args, err, out)
		}
	}
}

// tree fills the share with small and large files and with everything else.
func (s *site) tree(t *testing.T, seed uint64) {
	t.Helper()
	dir := filepath.Join(s.dir(), fmt.Sprint("new-", seed))
	must(t, btrfstest.Fill(dir, 150, 100, 40_000, seed))
	must(t, btrfstest.Fill(filepath.Join(dir, "large"), 4, 1<<20, 3<<20, seed))
	must(t, btrfstest.Mutate(s.dir(), seed, 150))
}

func TestReceiveThatIsCutAgainAndAgainGoesOn(t *testing.T) {
	for _, f := range []format{formatV1, formatV2} {
		for _, options := range []btrfstest.PoolOptions{{}, compressed("zstd")} {
			t.Run(f.name+" "+options.Mount, func(t *testing.T) {
				s := newSite(t, options, btrfstest.PoolOptions{})
				s.target.SetPace(often, 0)
				rng := rand.New(rand.NewPCG(1, uint64(f.version)))
				s.interrupted(t, f, 3, func(snap, parent btrfs.Snapshot) {
					for range inLongForm(2, 8) {
						s.cut(t, f, snap, parent, rng)
						s.shuffleExtents(t)
					}
				})
			})
		}
	}
}

// cut receives some more of snap until the connection is lost.
func (s *site) cut(t *testing.T, f format, snap, parent btrfs.Snapshot, rng *rand.Rand) {
	t.Helper()
	spec, stream := s.rest(t, f, snap, parent)
	s.receiveCut(t, spec, stream, rng.IntN(len(stream)*2/3))
	s.wantNoStepBack(t, snap, spec.From)
}

func TestProgressOfAResumedReceiveBeginsAtItsCheckpoint(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	s.tree(t, 1)
	snap := s.snapshot(t)
	stream := s.send(t, formatV1, snap, btrfs.Snapshot{})
	s.receiveCut(t, s.spec(snap, btrfs.Snapshot{}), stream, len(stream)/2)
	c := s.checkpoint(t, snap)
	if lost := int64(len(stream)/2) - c.At.Bytes; lost < 0 || lost > 128<<10 {
		t.Errorf("%d bytes lost", lost)
	}
	rest, err := s.sendFrom(t, formatV1, snap, btrfs.Snapshot{}, c.At)
	must(t, err)
	spec := s.spec(snap, btrfs.Snapshot{})
	spec.From, spec.MaxSpace = c.At, int64(len(stream))
	last := c.At.Bytes
	spec.Progress = func(applied int64) {
		if applied < last || applied > int64(len(stream)) {
			t.Errorf("%d after %d of %d bytes", applied, last, len(stream))
		}
		last = applied
	}
	got, err := s.target.Receive(t.Context(), spec, bytes.NewReader(rest))
	must(t, err)
	if got.StreamBytes != int64(len(stream)) {
		t.Errorf("stream of %d bytes, want %d", got.StreamBytes, len(stream))
	}
}

// dedupe makes one block of a file of snap share its extent with an equal block
// of another.
func (s *site) dedupe(t *testing.T, snap btrfs.Snapshot, from, to string) {
	t.Helper()
	a, err := os.Open(filepath.Join(s.at(snap), from))
	must(t, err)
	defer func() { must(t, a.Close()) }()
	b, err := os.Open(filepath.Join(s.at(snap), to))
	must(t, err)
	defer func() { must(t, b.Close()) }()
	r := unix.FileDedupeRange{Src_length: 64 << 10, Info: []unix.FileDedupeRangeInfo{{Dest_fd: int64(b.Fd())}}}
	must(t, unix.IoctlFileDedupeRange(int(a.Fd()), &r))
	if r.Info[0].Status != 0 || r.Info[0].Bytes_deduped != 64<<10 {
		t.Fatalf("not deduplicated: %+v", r.Info[0])
	}
}

func TestDeduplicationIntoTheSnapshotStartsClean(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	must(t, btrfstest.Fill(s.dir(), 20, 100, 40_000, 1))
	same := bytes.Repeat([]byte("same"), 64<<10)
	must(t, os.WriteFile(filepath.Join(s.dir(), "d0000/a"), same, 0o644))
	must(t, os.WriteFile(filepath.Join(s.dir(), "d0000/b"), same, 0o644))
	must(t, btrfstest.Fill(filepath.Join(s.dir(), "more"), 50, 10_000, 40_000, 2))
	snap := s.snapshot(t)
	stream := s.send(t, formatV1, snap, btrfs.Snapshot{})
	s.receiveCut(t, s.spec(snap, btrfs.Snapshot{}), stream, len(stream)*9/10)
	s.dedupe(t, snap, "d0000/a", "d0000/b")
	rest, err := s.sendFrom(t, formatV1, snap, btrfs.Snapshot{}, s.checkpoint(t, snap).At)
	if !errors.Is(err, sendstream.ErrDiverged) || len(rest) != 0 {
		t.Fatalf("%v with %d bytes, want ErrDiverged with none", err, len(rest))
	}
	info := s.infoOf(t, snap)
	spec := s.spec(snap, btrfs.Snapshot{})
	spec.CTransID = info.CTransID
	got, err := s.target.Receive(t.Context(), spec, bytes.NewReader(s.send(t, formatV1, snap, btrfs.Snapshot{})))
	must(t, err)
	if got.ResumedBytes != 0 {
		t.Errorf("resumed at %d", got.ResumedBytes)
	}
	s.wantNothingStaged(t)
	wantSame(t, s.at(snap), s.data(t, got))
}

func (s *site) infoOf(t *testing.T, snap btrfs.Snapshot) btrfs.Subvolume {
	t.Helper()
	dir, err := os.Open(s.at(snap))
	must(t, err)
	defer func() { must(t, dir.Close()) }()
	info, err := btrfs.Info(dir)
	must(t, err)
	return info
}

func TestContinuationOfSomethingElseIsRefused(t *testing.T) {
	s, snaps := threeSnapshots(t)
	s.tree(t, 1)
	snap := s.snapshot(t)
	stream := s.send(t, formatV1, snap, snaps[2])
	s.receiveCut(t, s.spec(snap, snaps[2]), stream, len(stream)/2)
	c := s.checkpoint(t, snap)
	for what, change := range map[string]func(*receive.Spec){
		"position":    func(r *receive.Spec) { r.From.Meta++ },
		"fingerprint": func(r *receive.Spec) { r.From.Fingerprint[0]++ },
		"transaction": func(r *receive.Spec) { r.CTransID++ },
		"parent":      func(r *receive.Spec) { r.Parent = snaps[1].UUID },
		"snapshot":    func(r *receive.Spec) { r.Snapshot = btrfs.UUID{1} },
		"share":       func(r *receive.Spec) { r.Share = "other" },
		"source":      func(r *receive.Spec) { r.Source = "8BBBBBBBBBBB" },
	} {
		spec := s.spec(snap, snaps[2])
		spec.From = c.At
		change(&spec)
		if _, err := s.target.Receive(t.Context(), spec, failing{io.ErrNoProgress}); !errors.Is(err, receive.ErrNoCheckpoint) {
			t.Errorf("another %s: %v, want ErrNoCheckpoint", what, err)
		}
		s.wantOnlyCheckpoint(t, snap)
	}
	s.finish(t, formatV1, snap, snaps[2])
}

func TestBadContinuationIsRefusedAndTakesTheCheckpointAlong(t *testing.T) {
	path := func(p string) sendstream.Command {
		return sendstream.Command{Type: sendstream.CmdWrite, Path: []byte(p), Data: []byte("x")}
	}
	for what, c := range map[string]sendstream.Command{
		"a way out":           path("../x"),
		"a file not there":    path("nowhere/x"),
		"a second subvolume":  {Type: sendstream.CmdSubvol, Path: []byte("x"), UUID: [16]byte{1}, CTransID: 1},
		"a foreign clone":     {Type: sendstream.CmdClone, Path: []byte("file"), CloneLen: 4096, CloneUUID: [16]byte{9}, ClonePath: []byte("file")},
		"a path through link": path("link/x"),
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
			must(t, os.WriteFile(filepath.Join(s.dir(), "file"), make([]byte, 5000), 0o644))
			must(t, os.Symlink("/", filepath.Join(s.dir(), "link")))
			snap := s.snapshot(t)
			stream := s.send(t, formatV1, snap, btrfs.Snapshot{})
			spec := s.spec(snap, btrfs.Snapshot{})
			s.receiveCut(t, spec, stream, len(stream)-20)
			spec.From = s.checkpoint(t, snap).At
			e := sendstream.NewEncoder(1)
			must(t, e.Append(&c))
			must(t, e.Append(&sendstream.Command{Type: sendstream.CmdEnd}))
			if _, err := s.target.Receive(t.Context(), spec, bytes.NewReader(e.Bytes())); !errors.Is(err, sendstream.ErrInvalid) {
				t.Errorf("%v, want a bad stream", err)
			}
			s.wantEmpty(t)
		})
	}
}
