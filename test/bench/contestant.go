package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
)

// contestant is one way to do a part of the work.
type contestant struct {
	name  string // in the table; of bench receive: the part says it
	part  part
	stock bool // by btrfs-progs; else ours
	ready func(ctx context.Context, s *source, target *field) (*entry, error)
}

// entry is a contestant at the start of a run. What made it ready is not measured.
type entry struct {
	run  func(ctx context.Context) error // ends when everything is on disk
	end  func() error                    // nil: nothing is left to end
	pids []int                           // processes that do a part of it and go on after it
	wire func(ctx context.Context) (int64, error)
	rest func(ctx context.Context) error // waits, unmeasured, until its processes have ended; nil: they have
}

// part is what is measured.
type part string

// The parts, in the order of the table.
const (
	partPipe    part = "send | receive"
	partReceive part = "receive alone"
	partSend    part = "send alone"
)

func contestants() []contestant {
	return []contestant{
		{part: partPipe, stock: true, ready: onField(stockPipe)},
		{part: partPipe, ready: onField(ourPipe)},
		{part: partReceive, stock: true, ready: onField(stockReceive)},
		{part: partReceive, ready: onField(ourReceive)},
		{part: partSend, ready: onField(func(ctx context.Context, s *source, _ *field) error { return s.send(ctx, io.Discard) })},
	}
}

// onField is a contestant that needs nothing but the base of an increment on its
// target.
func onField(run func(ctx context.Context, s *source, target *field) error) func(context.Context, *source, *field) (*entry, error) {
	return func(ctx context.Context, s *source, target *field) (*entry, error) {
		return &entry{run: func(ctx context.Context) error { return run(ctx, s, target) }}, s.receiveBase(ctx, target)
	}
}

// stockPipe is `btrfs send | btrfs receive`, and a sync.
func stockPipe(ctx context.Context, s *source, target *field) error {
	err := pipeline(exec.CommandContext(ctx, "btrfs", s.stockSend()...),
		exec.CommandContext(ctx, "btrfs", "-q", "receive", target.pool.Path()))
	if err != nil {
		return err
	}
	return target.pool.SyncFS()
}

// pipeline runs commands, each of which reads what the one before writes, by
// pipes of the kernel as a shell makes them.
func pipeline(commands ...*exec.Cmd) error {
	var started []*exec.Cmd
	var ends []io.Closer
	var errs []error
	var messages bytes.Buffer
	for i, cmd := range commands {
		if i+1 < len(commands) {
			r, w, err := os.Pipe()
			if err != nil {
				errs = append(errs, err)
				break
			}
			cmd.Stdout, commands[i+1].Stdin = w, r
			ends = append(ends, r, w)
		} else {
			cmd.Stderr = &messages // of the last: the first to know
		}
		errs = append(errs, cmd.Start())
		started = append(started, cmd)
	}
	for _, end := range ends {
		errs = append(errs, end.Close())
	}
	for _, cmd := range started {
		if cmd.Process == nil {
			continue
		}
		if err := cmd.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w %s", err, messages.String())
	}
	return nil
}

// stockReceive is `btrfs receive -f`, and a sync.
func stockReceive(ctx context.Context, s *source, target *field) error {
	out, err := exec.CommandContext(ctx, "btrfs", "-q", "receive", "-f", s.stream, target.pool.Path()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("btrfs receive: %w: %s", err, out)
	}
	return target.pool.SyncFS()
}

// ourPipe is what a run of the daemon does, but for the network: a send into a
// receive with checkpoints and a durable commit.
func ourPipe(ctx context.Context, s *source, target *field) error {
	r, w := io.Pipe()
	sent := make(chan error, 1)
	go func() {
		err := s.send(ctx, w)
		sent <- errors.Join(err, w.CloseWithError(err)) // nil closes with io.EOF
	}()
	err := s.receive(ctx, target, r, s.measured())
	return errors.Join(err, r.CloseWithError(err), <-sent)
}

func ourReceive(ctx context.Context, s *source, target *field) error {
	return s.receiveFile(ctx, target, s.stream, s.measured())
}

// receiveBase puts the base of an increment on a target.
func (s *source) receiveBase(ctx context.Context, target *field) error {
	if !s.isIncrement() {
		return nil
	}
	return s.receiveFile(ctx, target, s.base, s.request(s.first, btrfs.UUID{}))
}

// receiveFile is our receive of a stream in a file.
func (s *source) receiveFile(ctx context.Context, target *field, path string, r btrfs.SendRequest) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // opened for reading
	return s.receive(ctx, target, file, r)
}

// receive commits the stream of a request.
func (s *source) receive(ctx context.Context, target *field, stream io.Reader, r btrfs.SendRequest) error {
	snap := s.first
	if r.Snapshot == s.second.UUID {
		snap = s.second
	}
	_, err := receive.NewTarget(target.pool, slog.New(slog.DiscardHandler)).Receive(ctx, receive.Spec{
		Source: "BENCHBENCHBENCH", SourceName: "bench", Share: shareName, Task: "bench", Run: snap.ID,
		Snapshot: snap.UUID, CTransID: snap.CTransID, Taken: time.Now(), Parent: r.Parent,
	}, stream)
	return errors.Join(err, target.pool.SyncFS())
}
