//go:build root

package receive_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
)

// receiveInto makes the test binary a process that receives its standard input,
// to be killed.
var receiveInto = flag.String("receive-into", "", "path of the pool to receive into, then leave")

var receiveSpec = flag.String("receive-spec", "", "what to receive, as hexadecimal gob")

// deleteIn makes the test binary a process that deletes, to be killed.
var deleteIn = flag.String("delete-in", "", "path of the pool to delete all snapshots in that may be, then leave")

func TestMain(m *testing.M) {
	flag.Parse()
	var err error
	switch ctx := context.Background(); {
	case *receiveInto != "":
		err = receiveInput(ctx, *receiveInto, *receiveSpec)
	case *deleteIn != "":
		err = deleteAll(ctx, *deleteIn)
	default:
		os.Exit(m.Run())
	}
	if err != nil {
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
			s.interrupted(t, f, inLongForm(2, 13), func(snap, parent btrfs.Snapshot) {
				s.kill(t, f, snap, parent, rng)
				s.shuffleExtents(t)
				s.kill(t, f, snap, parent, rng)
			})
		})
	}
}

// kill receives some more of snap in a process that is killed, and sweeps.
func (s *site) kill(t *testing.T, f format, snap, parent btrfs.Snapshot, rng *rand.Rand) {
	t.Helper()
	spec, stream := s.rest(t, f, snap, parent)
	s.receiveAndDie(t, spec, stream, rng.IntN(len(stream)*2/3), time.Duration(rng.IntN(20))*time.Millisecond)
	_, err := s.target.Sweep(t.Context())
	must(t, err)
	if done, err := s.target.Sweep(t.Context()); len(done) != 0 || err != nil {
		t.Errorf("second sweep did %q (%v)", done, err)
	}
	s.wantNoStepBack(t, snap, spec.From)
}
