//go:build root

package receive_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
)

// fullForms are the forms a full stream can have.
func fullForms() []format { return []format{formatV1, formatPlain, formatV2} }

// compareFull receives full streams of snap of all forms by both receivers. All
// that can be seen is to be as at the source, and the holes and what is shared as
// what comes of SEND's own streams has them.
func (s *site) compareFull(t *testing.T, snap btrfs.Snapshot) {
	t.Helper()
	stock := s.byOurs(t, s.stockStream(t, formatV1, snap))
	wantSame(t, s.at(snap), stock)
	want, links := sparse(t, stock), []btrfstest.Reflinks{reflinks(t, stock)}
	links = append(links, reflinks(t, s.byOurs(t, s.stockStream(t, formatV2, snap))))
	for _, f := range fullForms() {
		stream := s.send(t, f, snap, btrfs.Snapshot{})
		if again := s.send(t, f, snap, btrfs.Snapshot{}); !bytes.Equal(stream, again) {
			t.Errorf("%s: the second stream is another", f.name)
		}
		for who, path := range map[string]string{"progs": s.byProgs(t, snap, stream), "ours": s.byOurs(t, stream)} {
			if diff := btrfstest.Diff(want, sparse(t, path)); diff != "" {
				t.Errorf("%s by %s differs from its source:\n%s", f.name, who, diff)
			}
			have := reflinks(t, path)
			for _, l := range links {
				if lost := l.Unshare(have); lost != "" {
					t.Errorf("%s by %s no longer shares:\n%s", f.name, who, lost)
				}
			}
		}
	}
}

// sparse tells holes from zeros.
func sparse(t *testing.T, dir string) btrfstest.Tree {
	t.Helper()
	tree, err := btrfstest.DigestSparse(dir)
	must(t, err)
	return tree
}

// byProgs receives a stream by btrfs receive and returns the path of what it made,
// on disk.
func (s *site) byProgs(t *testing.T, snap btrfs.Snapshot, stream []byte) string {
	t.Helper()
	dir := s.newDir(t)
	receiveByProgs(t, dir, stream)
	must(t, s.pool.SyncFS())
	return filepath.Join(dir, snap.Name)
}

// newDir makes a directory at the target.
func (s *site) newDir(t *testing.T) string {
	t.Helper()
	s.run++
	dir := filepath.Join(s.pool.Path(), fmt.Sprint("received-", s.run))
	must(t, os.Mkdir(dir, 0o700))
	return dir
}

// byOurs applies a stream.
func (s *site) byOurs(t *testing.T, stream []byte) string {
	t.Helper()
	path, err := apply(t, s.newDir(t), "applied", stream, 0, nil)
	must(t, err)
	must(t, s.pool.SyncFS())
	return path
}

func TestFullStreamsBringTreesThatAreHardToSend(t *testing.T) {
	for _, with := range []string{"", "zstd", "zlib", "lzo"} {
		t.Run("compression "+with, func(t *testing.T) {
			t.Parallel()
			source := btrfstest.PoolOptions{Size: 4 << 30}
			if with != "" {
				source.Mount = compressed(with).Mount
			}
			s := newSite(t, source, btrfstest.PoolOptions{Size: 8 << 30})
			plantHardTrees(t, s.dir())
			s.compareFull(t, s.snapshot(t))
		})
	}
}

// TestFullStreamsBringAnyTree changes a tree at random, around the edges of
// compression too.
func TestFullStreamsBringAnyTree(t *testing.T) {
	for seed := range uint64(inLongForm(4, 60)) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			mounts := []string{"compress-force=zstd", "", "compress-force=lzo", "compress=zlib"}
			s := newSite(t, btrfstest.PoolOptions{Mount: mounts[seed%4]}, btrfstest.PoolOptions{Mount: mounts[seed/4%2]})
			p := &pinching{t: t, dir: filepath.Join(s.dir(), "pinched"), rng: rand.New(rand.NewPCG(seed, 5)), grows: seed%2 == 0}
			mutated := filepath.Join(s.dir(), "mutated")
			must(t, errors.Join(os.Mkdir(p.dir, 0o755), os.Mkdir(mutated, 0o755)))
			for round := range uint64(3) {
				must(t, btrfstest.Mutate(mutated, seed*100+round, 150))
				for range 80 {
					p.change()
				}
				s.compareFull(t, s.snapshot(t))
			}
		})
	}
}

// The root hands down what it has to all that is made in it.
func TestFullStreamOfARootThatHandsDown(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	must(t, btrfstest.Mutate(s.dir(), 7, 100))
	must(t, btrfstest.MutateRoot(s.dir(), 7))
	must(t, btrfstest.Mutate(s.dir(), 8, 100))
	s.compareFull(t, s.snapshot(t))
}

// Of nested subvolumes nothing is sent, not even the empty directory in their place.
func TestFullStreamLeavesOutNestedSubvolumesAndOrphans(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	p := planter{t, s.dir()}
	p.mkdir("dir")
	bare := s.snapshot(t)
	for _, name := range []string{"nested", "dir/nested"} {
		makeSubvolumeAt(t, p.at(name))
		p.write(name+"/file", text(1, 5000))
	}
	orphan, err := os.Create(p.at("dir/orphan"))
	must(t, err)
	must(t, put(noise(1, 300_000), 0)(orphan))
	must(t, os.Remove(orphan.Name()))
	must(t, btrfs.SyncFS(orphan))
	snap := s.snapshot(t)
	must(t, orphan.Close())
	for _, f := range fullForms() {
		stream := s.send(t, f, snap, btrfs.Snapshot{})
		if len(stream) > 2000 {
			t.Errorf("%s: %d bytes of two directories", f.name, len(stream))
		}
		for _, path := range []string{s.byProgs(t, snap, stream), s.byOurs(t, stream)} {
			wantNames(t, path, s.at(bare))
		}
	}
}

// A balance gives all extents other addresses again and again while streams are
// made. It may cost some sharing: what has moved since the beginning is sent as if
// it were not shared. A run can be resumed all the same.
func TestFullStreamsBringTheSameDuringABalance(t *testing.T) {
	s := newSite(t, compressed("zstd"), btrfstest.PoolOptions{Size: 8 << 30})
	s.tree(t, 1)
	for i, plant := range []func(planter){planter.reflinks, planter.bookends} {
		p := planter{t, filepath.Join(s.dir(), fmt.Sprint("planted ", i))}
		must(t, os.Mkdir(p.dir, 0o755))
		plant(p)
	}
	snap := s.snapshot(t)
	want := digest(t, s.at(snap))
	stop := make(chan struct{})
	var g errgroup.Group
	g.Go(func() error { return balanceUntil(stop, s.source.Path()) })
	defer func() {
		close(stop)
		must(t, g.Wait())
	}()
	for _, f := range fullForms() {
		first := metadata(t, s.send(t, f, snap, btrfs.Snapshot{}))
		for range inLongForm(3, 20) {
			stream := s.send(t, f, snap, btrfs.Snapshot{})
			if now := metadata(t, stream); now != first {
				t.Errorf("%s: metadata is %v, was %v", f.name, now, first)
			}
			wantTree(t, want, s.byOurs(t, stream))
		}
	}
}

func balanceUntil(stop <-chan struct{}, path string) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		if out, err := exec.Command("btrfs", "balance", "start", "--full-balance", path).CombinedOutput(); err != nil {
			return fmt.Errorf("balance: %w: %s", err, out)
		}
	}
}

func makeSubvolumeAt(t *testing.T, path string) {
	t.Helper()
	dir, err := os.Open(filepath.Dir(path))
	must(t, err)
	defer func() { must(t, dir.Close()) }()
	must(t, btrfs.CreateSubvolume(dir, filepath.Base(path)))
}

// wantNames wants the same paths in two trees.
func wantNames(t *testing.T, have, want string) {
	t.Helper()
	names := func(root string) (list []string) {
		must(t, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
			list = append(list, path[len(root):])
			return err
		}))
		return list
	}
	if h, w := fmt.Sprint(names(have)), fmt.Sprint(names(want)); h != w {
		t.Errorf("there are %s, want %s", h, w)
	}
}
