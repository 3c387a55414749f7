//go:build root

package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"btrmesh/mesh/control"
)

// daemonLog collects what a daemon prints; it is read while it runs.
type daemonLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends to the log.
func (l *daemonLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *daemonLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// node is a daemon of a test, with everything in one directory.
type node struct {
	dir string
	cmd *exec.Cmd
	log *daemonLog
}

// newNode prepares a daemon; port 0 lets the kernel choose.
func newNode(t *testing.T, dir, socket string, port int) *node {
	t.Helper()
	n := &node{dir: dir, log: new(daemonLog)}
	n.cmd = exec.Command("btrmesh", "daemon", "--state", filepath.Join(dir, "state"), "--config", config(t, "name = \"nas-t\"\n"),
		"--socket", filepath.Join(dir, socket), "--listen", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	n.cmd.Stderr = n.log
	return n
}

// start runs the daemon until it tells systemd that it is ready.
func (n *node) start(t *testing.T) {
	t.Helper()
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(n.dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	n.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+filepath.Join(n.dir, "notify"))
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = n.cmd.Process.Kill() // it may have ended
		if err := told.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := told.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1024)
	count, err := told.Read(buf)
	if err != nil || !strings.HasPrefix(string(buf[:count]), "READY=1\nSTATUS=") {
		t.Fatalf("systemd was told %q, %v; the log is\n%s", buf[:count], err, n.log)
	}
}

// exit waits for the end and returns the code.
func (n *node) exit(t *testing.T) int {
	t.Helper()
	_ = n.cmd.Wait() // judged by its code
	return n.cmd.ProcessState.ExitCode()
}

func TestDaemonServesUntilTERM(t *testing.T) {
	dir := t.TempDir()
	n := newNode(t, dir, "s.sock", 0)
	n.start(t)
	code, out, errs := runArgs(t, "status", "--socket", filepath.Join(dir, "s.sock"))
	if code != 0 || !strings.HasPrefix(out, "nas-t   btrmesh ") {
		t.Errorf("status exits with %d, prints %q and %q", code, out, errs)
	}
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := n.exit(t); code != 0 {
		t.Errorf("daemon exits with %d:\n%s", code, n.log)
	}
	if !strings.Contains(n.log.String(), "appliance stopped") {
		t.Errorf("log is\n%s", n.log)
	}
}

func TestSecondDaemonIsRefused(t *testing.T) {
	dir := t.TempDir()
	first := newNode(t, dir, "s.sock", 0)
	first.start(t)
	second := newNode(t, dir, "s2.sock", 0)
	if err := second.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	code, pid := second.exit(t), strconv.Itoa(first.cmd.Process.Pid)
	want := "btrmesh: error: another btrmesh daemon uses " + filepath.Join(dir, "state") + " (pid " + pid + ").\n"
	if code != control.ExitConflict || !strings.HasSuffix(second.log.String(), want) {
		t.Errorf("exit is %d, log is\n%s", code, second.log)
	}
}

func TestTakenPortIsNamed(t *testing.T) {
	held, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := held.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, text, err := net.SplitHostPort(held.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	n := newNode(t, t.TempDir(), "s.sock", port)
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	want := "error: udp " + text + " is in use. Set port in /etc/btrmesh/config.toml.\n"
	if code := n.exit(t); code != control.ExitFailure || !strings.Contains(n.log.String(), want) {
		t.Errorf("exit is %d, log is\n%s", code, n.log)
	}
}

func TestWideModesAreRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "state"), 0o755); err != nil {
		t.Fatal(err)
	}
	n := newNode(t, dir, "s.sock", 0)
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if code := n.exit(t); code != control.ExitConflict || !strings.Contains(n.log.String(), "hint: sudo chmod 0700 ") {
		t.Errorf("exit is %d, log is\n%s", code, n.log)
	}
}
