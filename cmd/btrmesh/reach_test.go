package main

import (
	"context"
	"net"
	"path/filepath"
	"testing"

	"btrmesh/mesh/control"
)

func TestStrangerIsToldHowToGetIn(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s.sock")
	ctx, cancel := context.WithCancel(t.Context())
	_, done := newFake(ctx, socket, control.NoAccess)
	code, _, stderr := runArgs(t, "task", "list", "--socket", socket)
	want := "btrmesh: error: permission denied on " + socket + " (group btrmesh).\n" +
		"btrmesh: hint: sudo btrmesh task list --socket " + socket + "\n" +
		"btrmesh: hint: sudo usermod -aG btrmesh $USER\n"
	if code != control.ExitNotAllowed || stderr != want {
		t.Errorf("exit is %d, stderr is\n%swant\n%s", code, stderr, want)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestSilentDaemonEndsWithTheTimeout(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	code, _, stderr := runArgs(t, "status", "--socket", socket, "--timeout", "50ms")
	if code != control.ExitTimeout || stderr != "btrmesh: error: the daemon did not answer within 50ms.\n" {
		t.Errorf("exit is %d, stderr is %q", code, stderr)
	}
}

func TestPastedLineIsQuoted(t *testing.T) {
	got := withSudo([]string{"/usr/bin/btrmesh", "pool", "allow", "tank", "it's", "--share", "a b", "x@y:1"})
	if want := `sudo btrmesh pool allow tank 'it'\''s' --share 'a b' x@y:1`; got != want {
		t.Errorf("line is %s, want %s", got, want)
	}
}
