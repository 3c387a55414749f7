//go:build root

package receive_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/image"
	"btrmesh/btrfs/receive"
)

// receiveInto makes the test binary a process that receives its standard input,
// to be killed.
var receiveInto = flag.String("receive-into", "", "path of the pool to receive into, then leave")

var receiveSpec = flag.String("receive-spec", "", "what to receive, as hexadecimal gob")

func TestMain(m *testing.M) {
	flag.Parse()
	if *receiveInto == "" {
		os.Exit(m.Run())
	}
	if err := receiveInput(context.Background(), *receiveInto, *receiveSpec); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func receiveInput(ctx context.Context, path, text string) error {
	var spec receive.Spec
	if err := gob.NewDecoder(hex.NewDecoder(strings.NewReader(text))).Decode(&spec); err != nil {
		return err
	}
	pool, err := btrfs.OpenPool(path)
	if err != nil {
		return err
	}
	target := receive.NewTarget(pool, discard())
	target.SetPace(often, 0)
	_, err = target.Receive(ctx, spec, os.Stdin)
	return err
}

// receiveAndDie receives in a process of its own, which is killed some time after
// n bytes went to it.
func (s *site) receiveAndDie(t *testing.T, spec receive.Spec, stream []byte, n int, after time.Duration) {
	t.Helper()
	var text strings.Builder
	must(t, gob.NewEncoder(hex.NewEncoder(&text)).Encode(spec))
	child := exec.CommandContext(t.Context(), os.Args[0], "-receive-into", s.pool.Path(), "-receive-spec", text.String())
	in, err := child.StdinPipe()
	must(t, err)
	var said bytes.Buffer
	child.Stderr = &said
	must(t, child.Start())
	if _, err := in.Write(stream[:n]); err != nil {
		t.Errorf("%v: %s", err, said.String())
	}
	<-time.After(after)
	must(t, child.Process.Kill())
	_ = child.Wait() // says that it was killed
	if said.Len() > 0 {
		t.Errorf("the receiver said %s", said.String())
	}
}

func TestKilledProcessGoesOnFromItsLastCheckpoint(t *testing.T) {
	for _, f := range []format{formatV1, formatV2} {
		t.Run(f.name, func(t *testing.T) {
			s := newSite(t, compressed("zstd"), btrfstest.PoolOptions{})
			rng := rand.New(rand.NewPCG(2, uint64(f.version)))
			var parent btrfs.Snapshot
			for i := range uint64(2) {
				s.tree(t, 10*i+uint64(f.version))
				snap := s.snapshot(t)
				for range 4 {
					s.kill(t, f, snap, parent, rng)
				}
				if got := s.finish(t, f, snap, parent); got.ResumedBytes == 0 {
					t.Error("nothing was saved")
				}
				parent = snap
			}
		})
	}
}

// kill receives some more of snap in a process that is killed, and sweeps.
func (s *site) kill(t *testing.T, f format, snap, parent btrfs.Snapshot, rng *rand.Rand) {
	t.Helper()
	spec := s.spec(snap, parent)
	c := s.newest(t, snap)
	spec.From = c.At
	stream, err := s.sendFrom(t, f, snap, parent, c.At)
	must(t, err)
	s.receiveAndDie(t, spec, stream, rng.IntN(len(stream)*2/3), time.Duration(rng.IntN(20))*time.Millisecond)
	_, err = s.target.Sweep(t.Context())
	must(t, err)
	if done, err := s.target.Sweep(t.Context()); len(done) != 0 || err != nil {
		t.Errorf("second sweep did %q (%v)", done, err)
	}
	if now := s.newest(t, snap); now.At.Meta < c.At.Meta {
		t.Errorf("checkpoint at %d after one at %d", now.At.Meta, c.At.Meta)
	}
}

func TestCheckpointsSurviveAPowerCut(t *testing.T) {
	for _, f := range []format{formatV1, formatV2} {
		t.Run(f.name, func(t *testing.T) {
			s := newSite(t, compressed("zstd"), btrfstest.PoolOptions{})
			s.tree(t, uint64(f.version))
			first := s.snapshot(t)
			s.tree(t, 10+uint64(f.version))
			second := s.snapshot(t)
			dir := t.TempDir()
			file := filepath.Join(dir, "0")
			must(t, image.Create(file, 1<<30, "power"))
			s.mount(t, file, func() { s.receive(t, f, first, btrfs.Snapshot{}) })
			rng := rand.New(rand.NewPCG(3, uint64(f.version)))
			for i := range 4 {
				next := filepath.Join(dir, fmt.Sprint(i+1))
				s.mount(t, file, func() { s.cutPower(t, f, second, first, rng, file, next) })
				must(t, os.Remove(file))
				file = next
			}
			s.mount(t, file, func() {
				_, err := s.target.Sweep(t.Context())
				must(t, err)
				if got := s.finish(t, f, second, first); got.ResumedBytes == 0 {
					t.Error("nothing was saved")
				}
			})
		})
	}
}

// cutPower receives some more of snap, during which the image is copied as it is
// on disk then.
func (s *site) cutPower(t *testing.T, f format, snap, parent btrfs.Snapshot, rng *rand.Rand, file, copied string) {
	t.Helper()
	_, err := s.target.Sweep(t.Context())
	must(t, err)
	s.target.SetPace(often, 0)
	c := s.newest(t, snap)
	spec := s.spec(snap, parent)
	spec.From = c.At
	stream, err := s.sendFrom(t, f, snap, parent, c.At)
	must(t, err)
	n := rng.IntN(len(stream))
	r := io.MultiReader(bytes.NewReader(stream[:n]), during(func() {
		must(t, exec.CommandContext(t.Context(), "cp", "--sparse=always", file, copied).Run())
	}), failing{errCut})
	if _, err := s.target.Receive(t.Context(), spec, r); err == nil {
		t.Error("a cut stream was received")
	}
}

// during is a reader that does something when its turn comes.
type during func()

func (d during) Read([]byte) (int, error) {
	d()
	return 0, io.EOF
}
