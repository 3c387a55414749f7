package state

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// childDir, in the environment, makes the test binary the victim of
// TestKilledProcessLosesNothingAcknowledged.
const childDir = "STATE_TEST_CHILD_DIR"

// TestChildWritesUntilKilled is that victim: it counts up a task and one run
// each, and acknowledges each committed number on standard output.
func TestChildWritesUntilKilled(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		return
	}
	s := onDisk(t, dir)
	for n := nextRun(t, s) + 1; ; n++ {
		update(t, s, func(tx *Tx) error {
			if err := tx.PutTask(Task{Name: "a", NextRun: n}); err != nil {
				return err
			}
			return tx.PutRun(Run{Side: Send, Task: "a", Number: n, State: Planned})
		})
		fmt.Println("acknowledged", n)
	}
}

func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	var acknowledged uint64
	for round := range 6 {
		last := killedAfter(t, dir, 20+17*round)
		if last <= acknowledged {
			t.Fatalf("round %d went on from %d, not from %d", round, last, acknowledged)
		}
		acknowledged = last
		checkCount(t, dir, acknowledged)
	}
}

// killedAfter runs the child, kills it once it has acknowledged so many writes,
// and returns the last number it acknowledged.
func killedAfter(t *testing.T, dir string, writes int) uint64 {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChildWritesUntilKilled$")
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var last uint64
	var said string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = lines.Text()
		var n uint64
		if _, err := fmt.Sscanf(said, "acknowledged %d", &n); err != nil {
			continue
		}
		last = n
		if writes--; writes == 0 {
			_ = cmd.Process.Kill() // then read what it could still say
		}
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the child was not killed: %v, %q", err, said)
	}
	return last
}

// checkCount checks that the store holds all up to want and at most one more,
// committed but not acknowledged, and that task and runs agree.
func checkCount(t *testing.T, dir string, want uint64) {
	t.Helper()
	s := onDisk(t, dir)
	defer closed(t, s)
	got := nextRun(t, s)
	if got != want && got != want+1 {
		t.Errorf("acknowledged %d, stored %d", want, got)
	}
	err := s.View(func(tx *Tx) error {
		runs, err := tx.OpenRuns()
		if uint64(len(runs)) != got {
			t.Errorf("%s runs of %d", strconv.Itoa(len(runs)), got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
