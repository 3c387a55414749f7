//go:build root

package receive_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
)

var chainSeed = flag.Uint64("chain.seed", 0, "the one chain that TestReplicaEqualsItsSource runs; 0: several")

// TestReplicaEqualsItsSource sends chains of snapshots of trees that change at
// random: a full stream, of SEND in every other pair, and five increments each, in every
// format, in one go and in pieces, from sources of every compression in turn.
func TestReplicaEqualsItsSource(t *testing.T) {
	first, count := uint64(1), inLongForm(4, 200)
	if *chainSeed != 0 {
		first, count = *chainSeed, 1
	}
	began, sums := time.Now(), &tally{}
	t.Cleanup(func() { // behind the parallel ones
		t.Logf("seeds %d to %d in %v: %v", first, first+uint64(count)-1, time.Since(began).Round(time.Second), sums)
		if n := sums.forgiven.Load(); n > 10+sums.shared.Load()>>22 {
			t.Errorf("%d blocks are shared by one receiver alone: too many for mere chance", n)
		}
	})
	for seed := first; seed < first+uint64(count); seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			c := newLineage(t, seed, sums)
			for range 6 {
				c.grow(t)
			}
			if t.Failed() {
				t.Logf("run again with -run TestReplicaEqualsItsSource -chain.seed %d", seed)
			}
		})
	}
}

// tally sums up what all chains did.
type tally struct{ snapshots, received, sharedAtSource, shared, forgiven atomic.Int64 }

// String is a line for the log.
func (s *tally) String() string {
	return fmt.Sprintf("%d snapshots, received %d times; reflinks share %d KiB, %d KiB at the sources, %d blocks forgiven",
		s.snapshots.Load(), s.received.Load(), s.shared.Load()>>10, s.sharedAtSource.Load()>>10, s.forgiven.Load())
}

// lineage is a share with its snapshots so far, received in several ways.
type lineage struct {
	*site
	rng    *rand.Rand
	sums   *tally
	ways   []way
	parent btrfs.Snapshot
}

// way is a format, received with one replica in one go, with another in two
// attempts, and by btrfs receive in a pool of its own.
type way struct {
	f          format
	whole, cut *replicated
	progs      *btrfs.Pool
}

// replicated is a replica, and what it shares beside what progs share.
type replicated struct {
	*site
	less, more btrfstest.Sharing
}

func newLineage(t *testing.T, seed uint64, sums *tally) *lineage {
	t.Helper()
	mounts := []string{"", "compress-force=zstd", "compress-force=lzo", "compress-force=zlib"}
	target := btrfstest.PoolOptions{Mount: mounts[seed/4%2]}
	s := newSite(t, btrfstest.PoolOptions{Mount: mounts[seed%4]}, target)
	s.stock = seed/2%2 == 1
	c := &lineage{site: s, rng: rand.New(rand.NewPCG(seed, 4)), sums: sums}
	for i, f := range []format{formatV1, formatPlain, formatV2} {
		id := fmt.Sprintf("%dWAYAAAAAAAA", i)
		w := way{f: f, whole: &replicated{site: s.as("A" + id)}, cut: &replicated{site: s.as("B" + id)}, progs: btrfstest.NewPool(t, target)}
		w.cut.target.SetPace(often, 0)
		c.ways = append(c.ways, w)
	}
	return c
}

// grow takes the next snapshot and receives it in every way.
func (c *lineage) grow(t *testing.T) {
	t.Helper()
	must(t, btrfstest.Mutate(c.dir(), c.rng.Uint64(), 20+c.rng.IntN(100)))
	snap := c.snapshot(t)
	want := digest(t, c.at(snap))
	for _, w := range c.ways {
		stream := c.send(t, w.f, snap, c.parent)
		links := w.byProgs(t, snap, stream)
		whole := w.whole.receiveStream(t, w.whole.spec(snap, c.parent), stream)
		c.compare(t, want, links, w.whole, whole)
		w.cut.cut(t, w.f, snap, c.parent, c.rng)
		spec, rest := w.cut.rest(t, w.f, snap, c.parent)
		c.compare(t, want, links, w.cut, w.cut.receiveStream(t, spec, rest))
		if t.Failed() {
			t.Fatalf("%s of %s", w.f.name, snap.Name)
		}
		c.sums.shared.Add(links.Shared())
		c.sums.sharedAtSource.Add(reflinks(t, c.at(snap)).Shared())
	}
	c.sums.snapshots.Add(1)
	c.parent = snap
}

// byProgs tells what btrfs receive makes shared of the same stream. The source is
// no measure: the kernel sends some of what is shared as data, such as the odd
// ends of files.
func (w *way) byProgs(t *testing.T, snap btrfs.Snapshot, stream []byte) btrfstest.Reflinks {
	t.Helper()
	receiveByProgs(t, w.progs.Path(), stream)
	must(t, w.progs.SyncFS())
	return reflinks(t, filepath.Join(w.progs.Path(), snap.Name))
}

// compare wants all that can be seen of a tree as at the source, and shared what
// progs share.
func (c *lineage) compare(t *testing.T, want btrfstest.Tree, links btrfstest.Reflinks, r *replicated, got receive.Received) {
	t.Helper()
	c.sums.received.Add(1)
	path := r.data(t, got)
	wantTree(t, want, path)
	have := reflinks(t, path)
	lost, notHere := r.less.Lost(links, have)
	if lost != "" {
		t.Errorf("no longer shared:\n%s", lost)
	}
	more, notThere := r.more.Lost(have, links)
	if more != "" {
		t.Errorf("shared without a reason:\n%s", more)
	}
	c.sums.forgiven.Add(int64(notHere + notThere))
}

func reflinks(t *testing.T, dir string) btrfstest.Reflinks {
	t.Helper()
	links, err := btrfstest.ReadReflinks(dir)
	must(t, err)
	return links
}
