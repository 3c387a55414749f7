package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// space is a network namespace of the bench's own: ports are free in it, and its
// counters count nothing else.
type space struct{ name string }

// newSpace makes a namespace, whose loopback is up.
func newSpace(ctx context.Context, suffix string) (*space, error) {
	s := &space{fmt.Sprintf("btrmesh-bench-%d%s", os.Getpid(), suffix)}
	if err := tool(ctx, "ip", "netns", "add", s.name); err != nil {
		return nil, err
	}
	if err := tool(ctx, "ip", "-n", s.name, "link", "set", "lo", "up"); err != nil {
		return nil, fmt.Errorf("%w; %w", err, s.close(ctx))
	}
	return s, nil
}

// close removes it, also when ctx has ended.
func (s *space) close(ctx context.Context) error {
	return tool(context.WithoutCancel(ctx), "ip", "netns", "del", s.name)
}

// command runs in the namespace, in a process of its own that has no other name.
func (s *space) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "nsenter", append([]string{"--net=/run/netns/" + s.name, name}, args...)...)
}

// sent returns the bytes that a device of the namespace has sent; those of
// loopback are the bytes of both directions.
func (s *space) sent(ctx context.Context, device string) (int64, error) {
	text, err := s.command(ctx, "cat", "/proc/net/dev").Output()
	if err != nil {
		return 0, fmt.Errorf("read the counters of %s: %w", s.name, err)
	}
	return parseSent(string(text), device)
}

// parseSent finds the bytes sent in /proc/net/dev (proc_net_dev(5)).
func parseSent(text, device string) (int64, error) {
	for line := range strings.Lines(text) {
		name, counters, _ := strings.Cut(line, ":")
		if fields := strings.Fields(counters); strings.TrimSpace(name) == device && len(fields) > 8 {
			return strconv.ParseInt(fields[8], 10, 64)
		}
	}
	return 0, fmt.Errorf("no counters of %s", device)
}

// tool runs a program of the system for what it does.
func tool(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
