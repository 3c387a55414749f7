package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"btrmesh/mesh/control"
)

// poolName is what every appliance of a bench calls its pool.
const poolName = "tank"

// buildProgram builds btrmesh into dir.
func buildProgram(ctx context.Context, dir string) (string, error) {
	program := filepath.Join(dir, "btrmesh")
	return program, tool(ctx, "go", "build", "-o", program, "btrmesh/cmd/btrmesh")
}

// appliance is one real daemon, in a namespace, with a field for its pool.
type appliance struct {
	name string
	place
	dir     string // all its files
	program string
	pool    string // where it is mounted
	client  *control.Client

	cmd *exec.Cmd
	log *os.File
}

// startAppliance makes a new appliance and starts its daemon. It is to be stopped
// also after an error, unless it is nil.
func (g *ground) startAppliance(ctx context.Context, name, program string, at place, pool *field) (*appliance, error) {
	dir, err := os.MkdirTemp(g.dir, name+"-")
	if err != nil {
		return nil, err
	}
	a := &appliance{name: name, place: at, dir: dir, program: program, pool: pool.pool.Path()}
	a.client = control.NewClient(a.socket(), time.Minute)
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), nil, 0o600); err != nil {
		return a, err
	}
	if a.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		return a, err
	}
	return a, a.start(ctx)
}

func (a *appliance) socket() string { return filepath.Join(a.dir, "sock") }

func (a *appliance) pid() int { return a.cmd.Process.Pid }

// start waits until the daemon answers.
func (a *appliance) start(ctx context.Context) error {
	cmd := a.space.command(ctx, a.program, "daemon", "--state", filepath.Join(a.dir, "state"), "--socket", a.socket(),
		"--listen", a.address+":7945", "--name", a.name, "--pool", poolName+"="+a.pool,
		"--config", filepath.Join(a.dir, "config.toml"), "--discover", "off")
	cmd.Stdout, cmd.Stderr = a.log, a.log
	if err := cmd.Start(); err != nil {
		return err
	}
	a.cmd = cmd
	err := until(ctx, 30*time.Second, a.name+" answers", func() (bool, error) {
		_, err := a.client.Status(ctx, control.StatusRequest{})
		return err == nil, nil
	})
	if err != nil {
		said, _ := os.ReadFile(a.log.Name()) // shown as far as it is readable
		return fmt.Errorf("%w; it says: %s", err, said)
	}
	return nil
}

// stop ends the daemon and removes its files.
func (a *appliance) stop() error {
	if a.cmd != nil {
		_ = a.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		_ = a.cmd.Wait()                          // how it ends is not measured
	}
	if a.log != nil {
		_ = a.log.Close() // the daemon wrote it
	}
	return os.RemoveAll(a.dir)
}

// run runs a command of the client, as a person would.
func (a *appliance) run(ctx context.Context, args ...string) error {
	var messages bytes.Buffer
	cmd := exec.CommandContext(ctx, a.program, append([]string{"--socket", a.socket()}, args...)...)
	cmd.Stderr = &messages
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: btrmesh %s: %w: %s", a.name, strings.Join(args, " "), err, messages.String())
	}
	return nil
}

// join makes a a member of the mesh of b, and lets b write into its pool.
func (a *appliance) join(ctx context.Context, b *appliance) error {
	invite, err := b.client.CreateInvite(ctx, control.CreateInvite{})
	if err != nil {
		return err
	}
	_, err = a.client.Join(ctx, control.JoinMesh{Code: invite.Value.Code, Address: b.address, ReceiveInto: poolName})
	return err
}

// newest returns the newest run of a task; it has to have gone well.
func (a *appliance) newest(ctx context.Context, task string) (control.Run, error) {
	runs, err := a.client.TaskHistory(ctx, control.TaskHistory{Task: task, Limit: 1})
	if err != nil {
		return control.Run{}, err
	}
	if len(runs.Value) == 0 {
		return control.Run{}, fmt.Errorf("%s: %s has no run", a.name, task)
	}
	last := runs.Value[0]
	if last.Result != control.ResultOK && last.Result != control.ResultUnchanged {
		return last, fmt.Errorf("%s: run %d of %s is %s: %s", a.name, last.Number, task, last.Result, last.Reason)
	}
	return last, nil
}

// forget removes everything that daemons left on a field.
func (f *field) forget(ctx context.Context) error {
	top := filepath.Join(f.pool.Path(), ".btrmesh")
	ctx = context.WithoutCancel(ctx)
	err := filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() || !isSubvolume(path) {
			return err
		}
		if err := tool(ctx, "btrfs", "-q", "subvolume", "delete", path); err != nil {
			return err
		}
		return fs.SkipDir
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(top)
}

// isSubvolume knows the top of a subvolume by its inode number.
func isSubvolume(path string) bool {
	var st syscall.Stat_t
	return syscall.Lstat(path, &st) == nil && st.Ino == 256
}

// until asks again and again whether something is so.
func until(ctx context.Context, limit time.Duration, what string, is func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v: %s", limit, what))
	defer cancel()
	beat := time.NewTicker(10 * time.Millisecond)
	defer beat.Stop()
	for {
		if ok, err := is(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-beat.C:
		}
	}
}
