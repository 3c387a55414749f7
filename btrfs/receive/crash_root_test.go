//go:build root

package receive_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
)

func TestKilledReceiveLeavesNothingOrTheWholeSnapshot(t *testing.T) {
	for _, step := range receive.Steps {
		t.Run(step, func(t *testing.T) {
			s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
			must(t, btrfstest.Mutate(s.dir(), 1, 200))
			first := s.snapshot(t)
			s.receive(t, formatV1, first, btrfs.Snapshot{})
			must(t, btrfstest.Mutate(s.dir(), 2, 200))
			second := s.snapshot(t)
			spec, stream := s.spec(second, first), s.send(t, formatV1, second, first)
			must(t, s.target.Kill(t.Context(), step, spec, stream))
			s.restart(t, step)
			s.wantSnapshots(t, step, first, second)
			// The next try of the same run finds its way in either case.
			_, err := s.target.Receive(t.Context(), spec, bytes.NewReader(stream))
			if committed := step == "renamed"; committed != errors.Is(err, receive.ErrExists) || !committed && err != nil {
				t.Errorf("second try: %v", err)
			}
			wantSame(t, s.at(second), s.latest(t))
		})
	}
}

// restart sweeps with a new Target, and looks that a second sweep finds nothing.
func (s *site) restart(t *testing.T, step string) {
	t.Helper()
	s.target = receive.NewTarget(s.pool, discard())
	done, err := s.target.Sweep(t.Context())
	must(t, err)
	if len(done) != 1 {
		t.Errorf("sweep after %s did %q, want one thing", step, done)
	}
	if done, err = s.target.Sweep(t.Context()); len(done) != 0 || err != nil {
		t.Errorf("second sweep did %q, %v", done, err)
	}
	s.wantNothingStaged(t)
}

// wantSnapshots wants the first and, if the kill came late enough, the second.
func (s *site) wantSnapshots(t *testing.T, step string, first, second btrfs.Snapshot) {
	t.Helper()
	want := []btrfs.UUID{first.UUID}
	if step == "renamed" {
		want = append(want, second.UUID)
	}
	var have []btrfs.UUID
	for _, got := range s.replica(t).Snapshots {
		have = append(have, got.Snapshot)
	}
	if !slices.Equal(have, want) {
		t.Errorf("after a kill when %s: snapshots %v, want %v", step, have, want)
	}
}

func TestCancelledReceiveLeavesNothingButACheckpoint(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	must(t, btrfstest.Mutate(s.dir(), 1, 300))
	snap := s.snapshot(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	spec := s.spec(snap, btrfs.Snapshot{})
	why := errors.New("the operator said so")
	spec.Progress = func(int64) { cancel(why) }
	_, err := s.target.Receive(ctx, spec, bytes.NewReader(s.send(t, formatV1, snap, btrfs.Snapshot{})))
	if !errors.Is(err, why) {
		t.Fatalf("%v, want the cause", err)
	}
	s.wantOnlyCheckpoint(t, snap)
}

func TestStreamWhoseSenderFailedLeavesNothingButACheckpoint(t *testing.T) {
	s := newSite(t, btrfstest.PoolOptions{}, btrfstest.PoolOptions{})
	must(t, btrfstest.Mutate(s.dir(), 1, 100))
	snap := s.snapshot(t)
	stream := s.send(t, formatV1, snap, btrfs.Snapshot{})
	broken := errors.New("connection lost")
	// Even a whole stream counts for nothing if it does not end in io.EOF.
	reader := io.MultiReader(bytes.NewReader(stream), failing{broken})
	if _, err := s.target.Receive(t.Context(), s.spec(snap, btrfs.Snapshot{}), reader); !errors.Is(err, broken) {
		t.Fatalf("%v, want the reader's error", err)
	}
	s.wantOnlyCheckpoint(t, snap)
}

// failing is a reader with nothing but an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
