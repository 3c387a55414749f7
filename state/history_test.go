package state

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// naive is Runs by looking at everything.
func naive(all []Run, f RunFilter) []Run {
	var runs []Run
	for _, r := range all {
		if f.matches(r) {
			runs = append(runs, r)
		}
	}
	slices.SortStableFunc(runs, newestFirst)
	if f.Limit > 0 && len(runs) > f.Limit {
		runs = runs[:f.Limit]
	}
	return runs
}

func names(runs []Run) string {
	var b strings.Builder
	for _, r := range runs {
		fmt.Fprintf(&b, "%v %s %d of %d\n", r.Side, r.Task, r.Number, r.Peer[0])
	}
	return b.String()
}

// TestRunsEqualsLookingAtEverything uses tasks whose names begin with each
// other, and start times that grow with the number within a task.
func TestRunsEqualsLookingAtEverything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, err := OpenMemory()
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		tasks := rapid.SampledFrom([]string{"a", "ab", "b", "a.-", "zz"})
		sides := rapid.SampledFrom([]Side{Send, Receive})
		peers := rapid.ByteRange(1, 3)
		var all []Run
		err = s.Update(func(tx *Tx) error {
			for i := range rapid.IntRange(0, 40).Draw(rt, "runs") {
				r := Run{
					Side: sides.Draw(rt, "side"), Task: tasks.Draw(rt, "task"), Peer: id(peers.Draw(rt, "peer")),
					Number: uint64(i) << rapid.IntRange(0, 5).Draw(rt, "shift"), Started: noon.Add(time.Duration(i) * time.Second),
					State: RunState(rapid.ByteRange(1, 8).Draw(rt, "state")),
				}
				if slices.ContainsFunc(all, func(o Run) bool { return string(o.key()) == string(r.key()) }) {
					continue
				}
				all = append(all, r)
				if err := tx.PutRun(r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			rt.Fatal(err)
		}
		f := RunFilter{Failed: rapid.Bool().Draw(rt, "failed")}
		if rapid.Bool().Draw(rt, "by side") {
			f.Side = sides.Draw(rt, "side")
		}
		if rapid.Bool().Draw(rt, "by task") {
			f.Task = tasks.Draw(rt, "task")
		}
		if rapid.Bool().Draw(rt, "by peer") {
			f.Peer = id(peers.Draw(rt, "peer"))
		}
		if rapid.Bool().Draw(rt, "since") {
			f.Since = noon.Add(time.Duration(rapid.IntRange(0, 40).Draw(rt, "s")) * time.Second)
		}
		want := naive(all, f)
		_ = s.View(func(tx *Tx) error {
			got, err := tx.Runs(f)
			if err != nil || names(got) != names(want) {
				rt.Errorf("%+v: %v\n%s", f, err, gocmp.Diff(names(want), names(got)))
			}
			open, err := tx.OpenRuns()
			if wantOpen := openOf(all); err != nil || names(open) != names(wantOpen) {
				rt.Errorf("open: %v\n%s", err, gocmp.Diff(names(wantOpen), names(open)))
			}
			return nil
		})
	})
}

func openOf(all []Run) []Run {
	open := slices.DeleteFunc(slices.Clone(all), func(r Run) bool { return r.State.Final() })
	slices.SortFunc(open, func(a, b Run) int { return cmp.Compare(string(a.key()), string(b.key())) })
	return open
}

// putRuns stores runs 1 to n of task a: all done, but for the open ones.
func putRuns(t *testing.T, s *Store, n int, open ...uint64) {
	t.Helper()
	for first := 1; first <= n; first += 500 {
		update(t, s, func(tx *Tx) error {
			for i := first; i < first+500 && i <= n; i++ {
				r := Run{Side: Send, Task: "a", Number: uint64(i), State: Done, Started: noon.Add(time.Duration(i) * time.Second)}
				if slices.Contains(open, r.Number) {
					r.State = Sending
				}
				if err := tx.PutRun(r); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func trim(t *testing.T, s *Store, keep int) int {
	t.Helper()
	var trimmed int
	update(t, s, func(tx *Tx) error {
		var err error
		trimmed, err = tx.TrimRuns(Send, id(0), "a", keep)
		return err
	})
	return trimmed
}

func stored(t *testing.T, s *Store) []uint64 {
	t.Helper()
	var numbers []uint64
	err := s.View(func(tx *Tx) error {
		runs, err := tx.Runs(RunFilter{})
		for _, r := range runs {
			numbers = append(numbers, r.Number)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return numbers
}

func TestTrimKeepsTheNewestAndTheOpenRuns(t *testing.T) {
	s := memory(t)
	putRuns(t, s, 8, 2)
	if n := trim(t, s, 3); n != 4 {
		t.Errorf("trimmed %d", n)
	}
	if diff := gocmp.Diff([]uint64{8, 7, 6, 2}, stored(t, s)); diff != "" {
		t.Error(diff)
	}
	if n := trim(t, s, 3); n != 0 {
		t.Errorf("trimmed %d more", n)
	}
}

func TestTrimGoesOnInBatches(t *testing.T) {
	s := memory(t)
	putRuns(t, s, 2300)
	for _, want := range []int{1000, 1000, 290, 0} {
		if n := trim(t, s, 10); n != want {
			t.Errorf("trimmed %d, want %d", n, want)
		}
	}
	if left := stored(t, s); len(left) != 10 || left[9] != 2291 {
		t.Errorf("left %v", left)
	}
}

func TestFinalRunIsNoLongerOpen(t *testing.T) {
	s := memory(t)
	r := aRun(Receive)
	for state := Offered; state <= Cancelled; state++ {
		r.State = state
		update(t, s, func(tx *Tx) error { return tx.PutRun(r) })
		_ = s.View(func(tx *Tx) error {
			if open, err := tx.OpenRuns(); err != nil || (len(open) == 0) != state.Final() {
				t.Errorf("%v: %d open, %v", state, len(open), err)
			}
			return nil
		})
	}
}

// TestRunEdges holds the figure above RunState.
func TestRunEdges(t *testing.T) {
	want := `
run state 0: planned offered
planned: planned snapshotted done failed cancelled paused
snapshotted: planned offered failed cancelled paused
offered: sending done failed cancelled paused
sending: committing failed cancelled paused
committing: done failed cancelled paused
done:
failed:
cancelled:
paused:
run state 10:
`
	var got strings.Builder
	for from := RunState(0); from <= 10; from++ {
		fmt.Fprintf(&got, "\n%v:", from)
		for to := RunState(0); to <= 11; to++ {
			if from.CanBecome(to) {
				fmt.Fprintf(&got, " %v", to)
			}
		}
	}
	if diff := gocmp.Diff(strings.TrimSpace(want), strings.TrimSpace(got.String())); diff != "" {
		t.Error(diff)
	}
}
