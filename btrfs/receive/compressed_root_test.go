//go:build root

package receive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/sendstream"
)

// formatPlain is formatV2 with the data as the files have it.
var formatPlain = format{"v2 plain", 2, false}

// chain is snapshots of one source that were received in one format, each by
// what its source is called.
type chain struct {
	dir  string
	made map[btrfs.UUID]string
}

func newChain(t *testing.T, dir string) chain {
	t.Helper()
	must(t, os.Mkdir(dir, 0o700))
	return chain{dir, map[btrfs.UUID]string{}}
}

func (c chain) open(u btrfs.UUID) (*os.File, error) { return os.Open(c.made[u]) }

// add applies the stream of snap and returns the path of what it made.
func (c chain) add(t *testing.T, snap btrfs.Snapshot, stream []byte) string {
	t.Helper()
	path, err := apply(t, c.dir, fmt.Sprint(len(c.made)), stream, 0, c.open)
	must(t, err)
	c.made[snap.UUID] = path
	return path
}

// TestCompressedStreamsMakeWhatPlainOnesMake changes files at random and compares
// every snapshot with what comes of it, sent full and as an increment, plain and
// compressed.
func TestCompressedStreamsMakeWhatPlainOnesMake(t *testing.T) {
	for _, algorithm := range []string{"zstd", "lzo", "zlib"} {
		for seed := range uint64(inLongForm(2, 40)) {
			t.Run(fmt.Sprint(algorithm, seed), func(t *testing.T) { compareFormats(t, algorithm, seed) })
		}
	}
}

func compareFormats(t *testing.T, algorithm string, seed uint64) {
	t.Helper()
	s := newSite(t, compressed(algorithm), btrfstest.PoolOptions{})
	p := &pinching{t: t, dir: filepath.Join(s.dir(), "pinched"), rng: rand.New(rand.NewPCG(seed, 413)), grows: seed%2 == 1}
	mutated := filepath.Join(s.dir(), "mutated")
	must(t, errors.Join(os.Mkdir(p.dir, 0o755), os.Mkdir(mutated, 0o755)))
	plain, packed := newChain(t, filepath.Join(s.pool.Path(), "plain")), newChain(t, filepath.Join(s.pool.Path(), "packed"))
	var parent btrfs.Snapshot
	encoded := 0
	for round := range 4 {
		for range 80 {
			p.change()
		}
		if p.grows {
			must(t, btrfstest.Mutate(mutated, seed*100+uint64(round), 60))
		}
		snap := s.snapshot(t)
		full := newChain(t, filepath.Join(s.pool.Path(), fmt.Sprint("full", round)))
		s.compare(t, snap, parent, plain, packed)
		encoded += encodedWrites(t, s.compare(t, snap, btrfs.Snapshot{}, full, full))
		parent = snap
	}
	// A tail is rare without growth.
	if encoded == 0 && !p.grows {
		t.Error("what was asked for compressed was sent plain")
	}
}

// compare receives snap in both formats and returns the compressed stream.
func (s *site) compare(t *testing.T, snap, parent btrfs.Snapshot, plain, packed chain) []byte {
	t.Helper()
	a, b := s.send(t, formatPlain, snap, parent), s.send(t, formatV2, snap, parent)
	if metadata(t, a) != metadata(t, b) {
		t.Error("the metadata commands of the plain and the compressed stream differ")
	}
	want := digest(t, s.at(snap))
	for _, path := range []string{plain.add(t, snap, a), packed.add(t, snap, b)} {
		if diff := btrfstest.Diff(want, digest(t, path)); diff != "" {
			t.Errorf("%s differs from its source:\n%s", path, diff)
		}
	}
	return b
}

// metadata is the fingerprint of all that is no data.
func metadata(t *testing.T, stream []byte) sendstream.Position {
	t.Helper()
	rd := sendstream.NewReader(bytes.NewReader(stream), sendstream.Limits{})
	track := sendstream.TrackFrom(sendstream.Position{})
	var c sendstream.Command
	for {
		err := rd.Next(&c)
		if errors.Is(err, io.EOF) {
			at, _ := track.Position()
			return sendstream.Position{Meta: at.Meta, Fingerprint: at.Fingerprint}
		}
		must(t, err)
		track.Add(&c)
	}
}

// inLongForm returns how often a test does something: the second number in the
// long form, test/run -long.
func inLongForm(short, long int) int {
	if os.Getenv("BTRMESH_TEST_LONG") != "" {
		return long
	}
	return short
}

// tail is a file whose content ends within its first block while its size is that
// of the block: zeros follow that no extent has.
func tail(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	must(t, err)
	_, err = f.WriteString(strings.Repeat("so little ", 42)[:413])
	must(t, errors.Join(err, f.Sync(), unix.Fallocate(int(f.Fd()), 0, 413, 4096-413), f.Close()))
}

// TestFileGrownWithinAnInlineExtentKeepsItsTail is about a file of 4096 bytes that
// a compressed stream of Linux 6.18 makes one of 413, or one that ends in what it
// held before.
func TestFileGrownWithinAnInlineExtentKeepsItsTail(t *testing.T) {
	s := newSite(t, compressed("zstd"), btrfstest.PoolOptions{})
	at := func(name string) string { return filepath.Join(s.dir(), name) }
	text := bytes.Repeat([]byte("all work and no play "), 2000)
	must(t, os.WriteFile(at("changed"), text[:4096], 0o644))
	must(t, os.WriteFile(at("other"), text[:8192], 0o644))
	share(t, at("shared"), at("other"), 0)
	chain := newChain(t, filepath.Join(s.pool.Path(), "chain"))
	first := s.snapshot(t)
	wantSame(t, s.at(first), chain.add(t, first, s.send(t, formatV2, first, btrfs.Snapshot{})))

	tail(t, at("made"))
	tail(t, at("changed"))
	tail(t, at("shared"))
	share(t, at("shared"), at("other"), 4096) // as it was: no increment brings it
	second := s.snapshot(t)
	wantSame(t, s.at(second), chain.add(t, second, s.send(t, formatV2, second, first)))
	full := newChain(t, filepath.Join(s.pool.Path(), "full"))
	wantSame(t, s.at(second), full.add(t, second, s.send(t, formatV2, second, btrfs.Snapshot{})))
}

// share makes the blocks of a file from an offset on those of another.
func share(t *testing.T, to, from string, offset int64) {
	t.Helper()
	source, err := os.Open(from)
	must(t, err)
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE, 0o644)
	must(t, err)
	must(t, btrfs.CloneRange(f, offset, source, offset, 0))
	must(t, errors.Join(source.Close(), f.Close()))
}
