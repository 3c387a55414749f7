package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// cipher is the fastest of OpenSSH, faster than its default: a hard rival.
const cipher = "aes128-gcm@openssh.com"

// privileges is a directory that sshd insists on.
const privileges = "/run/sshd"

// sshServer is an sshd of the bench's own: other keys, another configuration,
// inside of a namespace.
type sshServer struct {
	place
	dir    string
	cmd    *exec.Cmd
	made   bool // privileges was made
	output bytes.Buffer
}

// findTools looks for what rivals need; they come by the system's package manager.
// Nothing is installed here.
func findTools(ssh bool) error {
	tools := map[string]string{"ip": "iproute2", "nsenter": "util-linux"}
	if ssh {
		maps.Copy(tools, map[string]string{"ssh": "openssh-client", "sshd": "openssh-server", "ssh-keygen": "openssh-client", "zstd": "zstd"})
	}
	var missing []error
	for tool, pkg := range tools {
		if _, err := findTool(tool); err != nil {
			missing = append(missing, fmt.Errorf("%s is not installed: it comes with the package %s, or go without: -ssh=false", tool, pkg))
		}
	}
	return errors.Join(missing...)
}

// findTool also looks where PATH often does not. sshd insists on its whole name.
func findTool(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return exec.LookPath(filepath.Join("/usr/sbin", name))
}

// startSSH starts it at a place. It is to be stopped also after
// an error.
func (g *ground) startSSH(ctx context.Context, at place) (*sshServer, error) {
	s := &sshServer{place: at, dir: filepath.Join(g.dir, "ssh")}
	if err := s.prepare(ctx); err != nil {
		return s, err
	}
	sshd, err := findTool("sshd")
	if err != nil {
		return s, err
	}
	cmd := s.space.command(ctx, sshd, "-D", "-e", "-f", s.file("config"))
	cmd.Stderr = &s.output
	if err := cmd.Start(); err != nil {
		return s, err
	}
	s.cmd = cmd
	err = until(ctx, 20*time.Second, "sshd answers", func() (bool, error) { return s.command(ctx, s.space, "true").Run() == nil, nil })
	return s, err
}

func (s *sshServer) file(name string) string { return filepath.Join(s.dir, name) }

// prepare writes keys and configuration.
func (s *sshServer) prepare(ctx context.Context) error {
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return err
	}
	for _, key := range []string{"host", "client"} {
		if err := tool(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", s.file(key)); err != nil {
			return err
		}
	}
	config := fmt.Sprintf("ListenAddress %s\nHostKey %s\nAuthorizedKeysFile %s\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n",
		s.address, s.file("host"), s.file("client.pub"))
	if err := os.WriteFile(s.file("config"), []byte(config), 0o600); err != nil {
		return err
	}
	err := os.Mkdir(privileges, 0o755)
	s.made = err == nil
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}

// command runs a line of shell at the other end.
func (s *sshServer) command(ctx context.Context, from *space, line string) *exec.Cmd {
	return from.command(ctx, "ssh", "-F", "/dev/null", "-c", cipher, "-i", s.file("client"), "-o", "BatchMode=yes", "-o", "LogLevel=ERROR",
		"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "root@"+s.address, line)
}

// rest waits until the connections are over, and their times counted.
func (s *sshServer) rest(ctx context.Context) error {
	pid := strconv.Itoa(s.cmd.Process.Pid)
	return until(ctx, 10*time.Second, "sshd is idle", func() (bool, error) {
		children, err := os.ReadFile(filepath.Join("/proc", pid, "task", pid, "children"))
		return len(children) == 0, err
	})
}

// stop ends it and removes what it needed.
func (s *sshServer) stop() error {
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		_ = s.cmd.Wait()                          // how it ends is not measured
	}
	err := os.RemoveAll(s.dir)
	if s.made {
		err = errors.Join(err, os.Remove(privileges))
	}
	return err
}
