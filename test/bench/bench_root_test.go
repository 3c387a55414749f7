//go:build root

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// wantNothingLeft fails for each mount, loop device and file in dir, and for each
// namespace that process pid made.
func wantNothingLeft(t *testing.T, dir string, pid int) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || bytes.Contains(mounts, []byte(dir)) {
		t.Errorf("still mounted (%v)", err)
	}
	loops, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range loops {
		if file, err := os.ReadFile(path); err == nil && bytes.Contains(file, []byte(dir)) {
			t.Errorf("still attached: %s", file)
		}
	}
	spaces, err := filepath.Glob(fmt.Sprintf("/run/netns/btrmesh-bench-%d*", pid))
	if err != nil || len(spaces) > 0 {
		t.Errorf("namespaces are left: %v, %v", spaces, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left are %v, %v", entries, err)
	}
}

func TestBenchMeasuresEverythingAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	var out, errs strings.Builder
	if code := run([]string{"receive", "-runs", "1", "-scale", "0.001", "-dir", dir}, &out, &errs); code != 0 {
		t.Fatalf("exit is %d: %s", code, errs.String())
	}
	for _, d := range datasets(1, "") {
		if !strings.Contains(out.String(), "\n"+d.name+" ") {
			t.Errorf("no row of %s:\n%s", d.name, out.String())
		}
	}
	wantNothingLeft(t, dir, os.Getpid())
}

func TestWholeProductLeavesNothing(t *testing.T) {
	wantRows(t, "transfer -ssh=false -runs 1 -scale 0.001 -only small-1%", " send | receive ", " btrmesh ")
}

func TestLongLinesLeaveNothing(t *testing.T) {
	if os.Getenv("BTRMESH_TEST_LONG") == "" {
		t.Skip("in the long form alone: it measures what others test")
	}
	wantRows(t, "wan -ssh=false -runs 1 -scale 0.01", "\n0.0 % ", "\n0.1 % ", "\n1.0 % ")
	wantRows(t, "fanout -runs 1 -scale 0.001 -only small", "\n1 ", "\n2 ", "\n3 ")
}

// wantRows runs a bench, which has to print the rows and leave nothing.
func wantRows(t *testing.T, line string, rows ...string) {
	t.Helper()
	dir := t.TempDir()
	var out, errs strings.Builder
	if code := run(append(strings.Fields(line), "-dir", dir), &out, &errs); code != 0 {
		t.Fatalf("%s: exit is %d: %s", line, code, errs.String())
	}
	for _, row := range rows {
		if !strings.Contains(out.String(), row) {
			t.Errorf("%s: no row with %q:\n%s", line, row, out.String())
		}
	}
	wantNothingLeft(t, dir, os.Getpid())
}

func TestInterruptedBenchLeavesNothing(t *testing.T) {
	program := filepath.Join(t.TempDir(), "bench")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	interrupt(t, program, "receive")
	interrupt(t, program, "transfer", "-ssh=false")
}

// interrupt ends a bench within its second run.
func interrupt(t *testing.T, program string, line ...string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), program, append(line, "-runs", "1000", "-only", "small", "-scale", "0.01", "-dir", dir)...)
	messages, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(messages)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "run 2 of") {
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
		if strings.HasPrefix(lines.Text(), "bench: ") && lines.Text() != "bench: interrupted" {
			t.Error(lines.Text())
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("it ended with %v", err)
	}
	wantNothingLeft(t, dir, cmd.Process.Pid)
}
