package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"btrmesh/mesh/control"
)

// interrupted runs btrmesh against a fake daemon, sends it SIGINT once it has
// printed until, and returns its exit code and all it said on stderr.
func interrupted(t *testing.T, until string, args ...string) (int, string) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s.sock")
	ctx, cancel := context.WithCancel(t.Context())
	_, done := newFake(ctx, socket, control.Change)
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	cmd := exec.Command("btrmesh", args...)
	cmd.Env = append(os.Environ(), "BTRMESH_SOCKET="+socket, "TZ=UTC")
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	lines := bufio.NewScanner(errs)
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), until) {
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("an interrupted command succeeded")
	}
	return cmd.ProcessState.ExitCode(), said.String()
}

func TestCtrlCLeavesTheRunAloneAndSaysSo(t *testing.T) {
	code, said := interrupted(t, "67.2%", "task", "run", "endless", "--wait")
	want := "endless run 91 goes on. Follow it: btrmesh task run endless --wait; stop it: btrmesh task cancel endless\n"
	if code != 130 || !strings.HasSuffix(said, want) {
		t.Errorf("exit is %d, stderr is\n%s", code, said)
	}
}

func TestCtrlCLeavesTheInviteOpen(t *testing.T) {
	code, said := interrupted(t, "Waiting.", "pair", "invite", "--receive-into", "patience")
	if code != 130 || !strings.HasSuffix(said, "Stopped waiting. Invite 3 stays open.\n") {
		t.Errorf("exit is %d, stderr is\n%s", code, said)
	}
}
