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
	"strings"
	"testing"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/image"
	"btrmesh/btrfs/receive"
)

// mount makes the image the target while f runs. One kernel mounts a file system
// but once, so a copy of an image needs the original unmounted.
func (s *site) mount(t *testing.T, file string, f func()) {
	t.Helper()
	s.mountWith(t, file, "", f)
}

// mountWith is mount with options.
func (s *site) mountWith(t *testing.T, file, options string, f func()) {
	t.Helper()
	mounted, err := image.Mount(file, t.TempDir(), options)
	must(t, err)
	defer func() { must(t, mounted.Close()) }()
	s.pool, err = btrfs.OpenPool(mounted.Path())
	must(t, err)
	defer func() { must(t, s.pool.Close()) }()
	s.target = receive.NewTarget(s.pool, discard())
	s.target.SetPace(often, 0)
	f()
}

// copyImage copies an image as it is on disk now, mounted or not: as a power cut
// would leave it.
func copyImage(t *testing.T, from, to string) {
	t.Helper()
	must(t, exec.CommandContext(t.Context(), "cp", "--sparse=always", from, to).Run())
}

// outage is a site with a share in two states and the image of a target that has
// the first of them.
type outage struct {
	*site
	f             format
	rng           *rand.Rand
	first, second btrfs.Snapshot
	dir           string
}

func newOutage(t *testing.T, f format) *outage {
	t.Helper()
	s := newSite(t, compressed("zstd"), btrfstest.PoolOptions{})
	o := &outage{site: s, f: f, rng: rand.New(rand.NewPCG(3, uint64(f.version))), dir: t.TempDir()}
	s.tree(t, uint64(f.version))
	o.first = s.snapshot(t)
	s.tree(t, 10+uint64(f.version))
	o.second = s.snapshot(t)
	must(t, image.Create(o.file("before"), 1<<30, "power"))
	s.mount(t, o.file("before"), func() { s.receive(t, f, o.first, btrfs.Snapshot{}) })
	return o
}

func (o *outage) file(name string) string { return filepath.Join(o.dir, name) }

func TestPowerCutAtAnyPointOfARunLosesNothingThatIsVisible(t *testing.T) {
	for _, f := range []format{formatV1, formatV2} {
		t.Run(f.name, func(t *testing.T) {
			o := newOutage(t, f)
			for i := range inLongForm(2, 10) {
				copyImage(t, o.file("before"), o.file("live"))
				o.mount(t, o.file("live"), func() { o.cutPower(t) })
				o.mount(t, o.file("cut"), func() { o.goOn(t) })
				o.mount(t, o.file("committed"), func() { o.wantBoth(t) })
				if t.Failed() {
					t.Fatalf("at point %d", i)
				}
			}
		})
	}
}

// cutPower receives some of the second snapshot, during which the power goes.
func (o *outage) cutPower(t *testing.T) {
	t.Helper()
	spec, stream := o.rest(t, o.f, o.second, o.first)
	n := o.rng.IntN(len(stream))
	r := io.MultiReader(bytes.NewReader(stream[:n]), during(func() {
		copyImage(t, o.file("live"), o.file("cut"))
	}), failing{errCut})
	if _, err := o.target.Receive(t.Context(), spec, r); !errors.Is(err, errCut) {
		t.Errorf("a stream cut at %d of %d bytes: %v", n, len(stream), err)
	}
}

// during is a reader that does something when its turn comes.
type during func()

func (d during) Read([]byte) (int, error) {
	d()
	return 0, io.EOF
}

// goOn sees that the first snapshot is whole and the second not there, and
// receives the rest of it. Power goes right after that.
func (o *outage) goOn(t *testing.T) {
	t.Helper()
	_, err := o.target.Sweep(t.Context())
	must(t, err)
	if got := o.replica(t).Snapshots; len(got) != 1 || got[0].Problem != "" {
		t.Fatalf("visible after the power cut: %+v", got)
	}
	wantSame(t, o.at(o.first), o.latest(t))
	if !o.newest(t, o.second).At.IsZero() {
		o.wantOnlyCheckpoint(t, o.second)
	} else {
		o.wantNothingStaged(t)
	}
	o.finish(t, o.f, o.second, o.first)
	copyImage(t, o.file("cut"), o.file("committed"))
}

// wantBoth wants both snapshots, whole.
func (o *outage) wantBoth(t *testing.T) {
	t.Helper()
	got := o.replica(t).Snapshots
	if len(got) != 2 || got[0].Problem != "" || got[1].Problem != "" {
		t.Fatalf("visible after the power cut: %+v", got)
	}
	wantSame(t, o.at(o.first), o.data(t, got[0]))
	wantSame(t, o.at(o.second), o.latest(t))
}

func TestCommittedSnapshotSurvivesAPowerCut(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	must(t, btrfstest.Fill(s.dir(), 300, 100, 20000, 1))
	must(t, btrfstest.Mutate(s.dir(), 1, 200))
	snap := s.snapshot(t)
	s.afterPowerCut(t, func() { s.receive(t, formatV1, snap, btrfs.Snapshot{}) }, func() {
		got := s.replica(t).Snapshots
		if len(got) != 1 || got[0].Problem != "" {
			t.Fatalf("after the power cut: %+v", got)
		}
		wantSame(t, s.at(snap), s.latest(t))
	})
	s.wantProgsToFail(t, snap)
}

// afterPowerCut does something on a fresh pool, cuts the power at once and looks
// at what is left.
func (s *site) afterPowerCut(t *testing.T, do, look func()) {
	t.Helper()
	dir := t.TempDir()
	live, cut := filepath.Join(dir, "live"), filepath.Join(dir, "cut")
	must(t, image.Create(live, 1<<30, "live"))
	s.mount(t, live, func() {
		do()
		copyImage(t, live, cut)
	})
	s.mount(t, cut, look)
}

// wantProgsToFail makes sure that the test can fail: in a few tries, what btrfs
// receive leaves after the same power cut differs from the source.
func (s *site) wantProgsToFail(t *testing.T, snap btrfs.Snapshot) {
	t.Helper()
	stream := s.send(t, formatV1, snap, btrfs.Snapshot{})
	want := digest(t, s.at(snap))
	for try := range 5 {
		lost := 0
		s.afterPowerCut(t, func() { receiveByProgs(t, s.pool.Path(), stream) }, func() {
			lost = s.countLost(t, want, snap.Name)
		})
		if lost > 0 {
			t.Logf("btrfs receive lost %d of %d entries in try %d", lost, want.Len(), try+1)
			return
		}
	}
	t.Error("btrfs receive lost nothing either: the power was not cut")
}

// countLost counts the entries of want that the subvolume name has not or has
// otherwise. The root is not among them: progs get its time wrong at times.
func (s *site) countLost(t *testing.T, want btrfstest.Tree, name string) int {
	t.Helper()
	dir := filepath.Join(s.pool.Path(), name)
	if _, err := os.Lstat(dir); err != nil {
		return want.Len()
	}
	have := map[string]bool{}
	for line := range strings.Lines(digest(t, dir).String()) {
		have[line] = true
	}
	lost := 0
	for line := range strings.Lines(want.String()) {
		if !have[line] && !strings.HasPrefix(line, `"." `) {
			lost++
		}
	}
	return lost
}
