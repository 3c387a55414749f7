package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"btrmesh/mesh/control"
)

// daemon runs the daemon until ctx is done: it is asked to end, and killed after
// ten seconds. A daemon that ends by itself is an error that carries the end of
// its log.
func (a *demoAppliance) daemon(ctx context.Context) error {
	log, err := os.OpenFile(a.log(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the daemon writes to it, not we
	c := a.process(ctx, log, "daemon", "--config", os.DevNull, "--state", filepath.Join(a.dir, "state"), "--socket", a.socket(),
		"--listen", a.address, "--discover", "off", "--name", a.name, "--pool", demoPool+"="+a.pool())
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 10 * time.Second
	err = runBound(c)
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return a.ended(err)
}

// runBound runs a process that must not outlive this one. The kernel binds it to
// the thread that starts it, so that is kept (PR_SET_PDEATHSIG, prctl(2)).
func runBound(c *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return c.Run()
}

// ended says how a daemon ended that should not have.
func (a *demoAppliance) ended(err error) error {
	how := "it ended by itself"
	if err != nil {
		how = err.Error()
	}
	e := control.Errorf(codeDemoFailed, "the daemon of %s failed: %s.", a.name, how)
	for _, line := range lastLines(a.log(), 5) {
		e = e.Fact("%s", line)
	}
	return e
}

// lastLines returns the end of a small file; none if it cannot be read.
func lastLines(path string, n int) []string {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return lines[max(0, len(lines)-n):]
}

// process returns this program with other arguments. It is in a process group of
// its own: Ctrl-C reaches the demo alone.
func (a *demoAppliance) process(ctx context.Context, out io.Writer, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, a.program, args...)
	c.Env = append(cleanEnvironment(os.Environ()), "BTRMESH_SOCKET="+a.socket())
	c.Stdout, c.Stderr = out, out
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return c
}

// cleanEnvironment drops what would make a daemon of the demo act for the
// machine's own: its settings and its supervisor.
func cleanEnvironment(environ []string) []string {
	var kept []string
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		switch {
		case strings.HasPrefix(name, "BTRMESH_"), strings.HasPrefix(name, "WATCHDOG_"), name == "NOTIFY_SOCKET", name == "JOURNAL_STREAM":
		default:
			kept = append(kept, v)
		}
	}
	return kept
}

// ready waits until the daemon answers, for a minute at most.
func (a *demoAppliance) ready(ctx context.Context) error {
	ctx, stop := context.WithTimeoutCause(ctx, time.Minute, fmt.Errorf("%s is not up after a minute", a.name))
	defer stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := a.client.Version(ctx); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
