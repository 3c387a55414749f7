//go:build root

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"btrmesh/btrfs/btrfstest"
	"btrmesh/mesh/control"
)

// stage is where demos of one test run.
type stage struct {
	program   string // the demo's and its daemons'
	temporary string // TMPDIR
}

func newStage(t *testing.T) stage {
	t.Helper()
	temporary, err := os.MkdirTemp("", "demo") //nolint:usetesting // names of t.TempDir are too long for a socket in them
	must(t, err)
	t.Cleanup(func() { must(t, os.Remove(temporary)) })
	s := stage{program: filepath.Join(t.TempDir(), "btrmesh"), temporary: temporary}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", s.program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	t.Cleanup(func() { s.wantNothingLeft(t) })
	return s
}

// demo returns a demo that is asked to end after five minutes.
func (s stage) demo(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(stop)
	c := exec.CommandContext(ctx, s.program, append([]string{"demo"}, args...)...)
	c.Env, c.Stderr = append(os.Environ(), "TMPDIR="+s.temporary), t.Output()
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 20 * time.Second
	return c
}

// start starts a demo, which ends with the test at the latest, and returns what
// it prints.
func start(t *testing.T, c *exec.Cmd) io.ReadCloser {
	t.Helper()
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	t.Cleanup(func() {
		if c.ProcessState == nil {
			t.Log("ended early:", c.Cancel(), c.Wait())
		}
	})
	return out
}

// wantNothingLeft fails for each mount, loop device, process and file of a demo.
func (s stage) wantNothingLeft(t *testing.T) {
	t.Helper()
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || bytes.Contains(mounts, []byte(s.temporary)) {
		t.Errorf("still mounted (%v):\n%s", err, linesWith(string(mounts), s.temporary))
	}
	for _, path := range glob(t, "/sys/block/loop*/loop/backing_file") {
		if file, err := os.ReadFile(path); err == nil && strings.Contains(string(file), s.temporary) {
			t.Errorf("still attached: %s", file)
		}
	}
	if left := s.processes(t); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
	if left := glob(t, s.temporary+"/*"); len(left) > 0 {
		t.Errorf("still there: %q", left)
	}
}

// processes lists those that run the stage's program.
func (s stage) processes(t *testing.T) []int {
	t.Helper()
	var pids []int
	for _, link := range glob(t, "/proc/[0-9]*/exe") {
		program, err := os.Readlink(link)
		if pid, numberErr := strconv.Atoi(strings.Split(link, "/")[2]); err == nil && numberErr == nil && program == s.program {
			pids = append(pids, pid)
		}
	}
	return pids
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	must(t, err)
	return list
}

func linesWith(text, part string) string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}

// exitCode returns how a process ended; 128 and more by a signal.
func exitCode(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	ended, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		t.Fatal(err)
	}
	if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return ended.ExitCode()
}

// readUntil reads lines of out up to one with part in it.
func readUntil(t *testing.T, out io.Reader, part string) {
	t.Helper()
	lines := bufio.NewScanner(out)
	var all []string
	for lines.Scan() {
		all = append(all, lines.Text())
		if strings.Contains(lines.Text(), part) {
			return
		}
	}
	t.Fatalf("no %q in:\n%s", part, strings.Join(all, "\n"))
}

func TestDemoReplicatesAndLeavesNothingBehind(t *testing.T) {
	s := newStage(t)
	out, err := s.demo(t, "--once", "--from", sampleTree(t)).Output()
	if code := exitCode(t, err); code != 0 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	text := string(out)
	for part, count := range map[string]int{"  equal\n": 4, "DIFFERENT": 0, ", full, ": 2, "both sides recorded: ": 4} {
		if got := strings.Count(text, part); got != count {
			t.Errorf("%q stands there %d times, want %d\n%s", part, got, count, text)
		}
	}
	s.wantNothingLeft(t)
}

func TestDemoWaitsForCtrlCAndEndsWell(t *testing.T) {
	s := newStage(t)
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		c := s.demo(t, "--from", sampleTree(t))
		out := start(t, c)
		readUntil(t, out, "Ctrl-C stops the daemons and removes everything.")
		must(t, c.Process.Signal(sig))
		readUntil(t, out, "Stopping")
		if code := exitCode(t, c.Wait()); code != 0 {
			t.Errorf("%v: exit code %d", sig, code)
		}
		s.wantNothingLeft(t)
	}
}

func TestDemoInterruptedHalfwayLeavesNothingBehind(t *testing.T) {
	s := newStage(t)
	for _, part := range []string{"Copying", "1. ", "nas-b$ btrmesh pair join", "nas-a$ btrmesh task run"} {
		c := s.demo(t, "--from", sampleTree(t))
		out := start(t, c)
		readUntil(t, out, part)
		must(t, c.Process.Signal(syscall.SIGINT))
		_, err := io.Copy(io.Discard, out)
		must(t, err)
		if code := exitCode(t, c.Wait()); code != control.ExitInterrupted {
			t.Errorf("after %q: exit code %d", part, code)
		}
		s.wantNothingLeft(t)
	}
}

func TestDemoWhoseReaderGoesAwayLeavesNothingBehind(t *testing.T) {
	s := newStage(t)
	c := s.demo(t, "--from", sampleTree(t))
	out := start(t, c)
	readUntil(t, out, "1. ")
	must(t, out.Close())
	if code := exitCode(t, c.Wait()); code == 0 || code >= 131 {
		t.Errorf("exit code %d", code)
	}
}

func TestDemoFailsWhenADaemonDies(t *testing.T) {
	s := newStage(t)
	c := s.demo(t, "--from", sampleTree(t))
	var errs bytes.Buffer
	c.Stderr = &errs
	out := start(t, c)
	readUntil(t, out, "Ctrl-C stops")
	for _, pid := range s.processes(t) {
		if pid != c.Process.Pid {
			must(t, syscall.Kill(pid, syscall.SIGKILL))
			break
		}
	}
	readUntil(t, out, "Stopping")
	if code := exitCode(t, c.Wait()); code != control.ExitFailure || !strings.Contains(errs.String(), "the daemon of nas-") {
		t.Errorf("exit code %d\n%s", code, &errs)
	}
}

func TestDaemonsDieWithTheirDemo(t *testing.T) {
	s := newStage(t)
	c := s.demo(t, "--from", sampleTree(t))
	out := start(t, c)
	readUntil(t, out, "Ctrl-C stops")
	daemons := s.processes(t)
	must(t, c.Process.Kill())
	if code := exitCode(t, c.Wait()); code != 128+int(syscall.SIGKILL) || len(daemons) != 4 {
		t.Errorf("exit code %d, processes %v", code, daemons)
	}
	for deadline := time.Now().Add(time.Minute); len(s.processes(t)) > 0 && time.Now().Before(deadline); {
		<-time.After(20 * time.Millisecond)
	}
	if left := s.processes(t); len(left) > 0 {
		t.Errorf("daemons outlived the demo: %v", left)
	}
	for _, mount := range glob(t, s.temporary+"/*/nas-*/"+demoPool) { // nobody is left to do it
		must(t, syscall.Unmount(mount, 0))
	}
	for _, dir := range glob(t, s.temporary+"/*") {
		must(t, os.RemoveAll(dir))
	}
}

func TestKeptDemoLeavesImagesAndLogsUnmounted(t *testing.T) {
	s := newStage(t)
	dir := filepath.Join(t.TempDir(), "kept")
	if out, err := s.demo(t, "--once", "--from", sampleTree(t), "--keep", dir).Output(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"nas-a", "nas-b", "nas-c"} {
		for _, file := range []string{"tank.btrfs", "daemon.log"} {
			if info, err := os.Stat(filepath.Join(dir, name, file)); err != nil || info.Size() == 0 {
				t.Errorf("%s of %s is not there (%v)", file, name, err)
			}
		}
	}
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || bytes.Contains(mounts, []byte(dir)) {
		t.Errorf("still mounted (%v)", err)
	}
	if err := s.demo(t, "--once", "--keep", dir).Run(); exitCode(t, err) != control.ExitFailure {
		t.Errorf("a second demo took the same directory (%v)", err)
	}
}

func TestDemoCopyKeepsEverythingAMutatorMakes(t *testing.T) {
	pool := btrfstest.NewPool(t, btrfstest.PoolOptions{})
	from, to := filepath.Join(pool.Path(), "from"), filepath.Join(pool.Path(), "to")
	must(t, os.Mkdir(from, 0o755))
	must(t, os.Mkdir(to, 0o755))
	must(t, btrfstest.Mutate(from, 7, 400))
	if err := (demoTree{dir: from}).fill(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	want, err := btrfstest.Digest(from)
	must(t, err)
	got, err := btrfstest.Digest(to)
	must(t, err)
	if diff := btrfstest.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if a, b := digestOf(t, from), digestOf(t, to); a != b {
		t.Errorf("the demo's own digests differ: %v and %v", a, b)
	}
}

func TestDemoDigestSeesWhatAMutatorDoes(t *testing.T) {
	pool := btrfstest.NewPool(t, btrfstest.PoolOptions{})
	dir := filepath.Join(pool.Path(), "tree")
	must(t, os.Mkdir(dir, 0o755))
	must(t, btrfstest.Mutate(dir, 1, 50))
	for seed := range uint64(150) {
		tree, own := treeAndDigest(t, dir)
		must(t, btrfstest.Mutate(dir, seed, 1))
		treeAfter, ownAfter := treeAndDigest(t, dir)
		if changed := btrfstest.Diff(tree, treeAfter) != ""; changed != (own.sum != ownAfter.sum) {
			t.Fatalf("change %d: %v by the tests' digest, %v by the demo's", seed, changed, !changed)
		}
	}
}

func treeAndDigest(t *testing.T, dir string) (btrfstest.Tree, demoDigest) {
	t.Helper()
	tree, err := btrfstest.Digest(dir)
	must(t, err)
	return tree, digestOf(t, dir)
}

func TestDemoWithoutLoopDevicesSaysSo(t *testing.T) {
	if _, err := os.Stat("/dev/loop-control"); errors.Is(err, fs.ErrNotExist) {
		t.Fatal("this machine has no loop devices")
	}
	s := newStage(t)
	c := s.demo(t, "--once", "--from", sampleTree(t))
	// A mount namespace of its own with an empty /dev.
	c.Args = append([]string{"unshare", "-m", "sh", "-c", `mount -t tmpfs none /dev && exec "$@"`, "sh"}, append([]string{s.program}, c.Args[1:]...)...)
	path, err := exec.LookPath("unshare")
	must(t, err)
	c.Path = path
	c.Stderr = nil
	out, err := c.CombinedOutput()
	if code := exitCode(t, err); code != control.ExitFailure || !strings.Contains(string(out), "the demo needs loop devices") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}
