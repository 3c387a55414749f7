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
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
)

// contestant is one way to do a part of the work. Its run ends when everything is
// on disk.
type contestant struct {
	part  part
	stock bool // by btrfs-progs; else ours
	run   func(ctx context.Context, s *source, target *field) error
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
		{partPipe, true, stockPipe},
		{partPipe, false, ourPipe},
		{partReceive, true, stockReceive},
		{partReceive, false, ourReceive},
		{partSend, false, func(ctx context.Context, s *source, _ *field) error { return s.send(ctx, io.Discard) }},
	}
}

// stockPipe is `btrfs send | btrfs receive`, and a sync.
func stockPipe(ctx context.Context, s *source, target *field) error {
	send := exec.CommandContext(ctx, "btrfs", s.stockSend()...)
	receive := exec.CommandContext(ctx, "btrfs", "-q", "receive", target.pool.Path())
	var messages bytes.Buffer
	receive.Stderr = &messages
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	send.Stdout, receive.Stdin = w, r
	err = errors.Join(send.Start(), receive.Start(), w.Close(), r.Close())
	for _, cmd := range []*exec.Cmd{send, receive} {
		if cmd.Process != nil {
			err = errors.Join(err, cmd.Wait())
		}
	}
	if err != nil {
		return fmt.Errorf("btrfs send | btrfs receive: %w %s", err, messages.String())
	}
	return target.pool.SyncFS()
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
