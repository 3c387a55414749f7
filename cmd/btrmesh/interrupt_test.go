package main

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"btrmesh/mesh/control"
)

// interrupted runs btrmesh against a fake daemon, sends it SIGINT once it has
// printed until, and returns its exit code and all it printed.
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
	output, written, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = written, written
	if err := errors.Join(cmd.Start(), written.Close()); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	lines := bufio.NewScanner(output)
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
	if err := output.Close(); err != nil {
		t.Error(err)
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

func TestCtrlCEndsAWatch(t *testing.T) {
	code, said := interrupted(t, "hint: btrmesh ping nas-c", "status", "-w")
	if code != 130 || !strings.HasPrefix(said, "== 2") || strings.Contains(said, "error") {
		t.Errorf("exit is %d, printed was\n%s", code, said)
	}
}

func TestFirstSignalEndsTheDaemonGently(t *testing.T) {
	stopped := make(chan error, 1)
	engine := func(ctx context.Context) error {
		signalSelf(t, syscall.SIGTERM)
		<-ctx.Done()
		stopped <- context.Cause(ctx)
		return nil
	}
	if err := untilSignal(t.Context(), slog.New(slog.DiscardHandler), engine); err != nil {
		t.Error(err)
	}
	if cause := <-stopped; cause == nil || cause.Error() != "signal terminated" {
		t.Errorf("cause is %v", cause)
	}
}

func TestSecondSignalEndsTheDaemonAtOnce(t *testing.T) {
	for sig, code := range map[syscall.Signal]exitError{syscall.SIGINT: 130, syscall.SIGTERM: 1} {
		hold := make(chan error)
		err := untilSignal(t.Context(), slog.New(slog.DiscardHandler), func(ctx context.Context) error {
			signalSelf(t, sig)
			<-ctx.Done() // else two equal signals may count as one
			signalSelf(t, sig)
			return <-hold // an engine that hangs
		})
		close(hold)
		if got, ok := errors.AsType[exitError](err); !ok || got != code {
			t.Errorf("%s twice: %v", sig, err)
		}
	}
}

// signalSelf sends a signal to this process, which handles it.
func signalSelf(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), sig); err != nil {
		t.Error(err)
	}
}
