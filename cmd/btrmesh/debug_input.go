package main

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"btrmesh/mesh/control"
)

// openInput returns the file path, or stdin, to read a stream from.
func (s *session) openInput(path string) (io.ReadCloser, error) {
	if path == "" {
		return s.stdin()
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, wrongPath(path, err)
	}
	return &input{ctx: s.ctx, file: file}, nil
}

func (s *session) stdin() (io.ReadCloser, error) {
	file, ok := s.in.(*os.File)
	if !ok {
		return io.NopCloser(s.in), nil
	}
	if term.IsTerminal(int(file.Fd())) {
		return nil, control.Usage("a stream does not come from a terminal.").Hint("sudo btrmesh debug receive %s < FILE", quote(s.arg(0)))
	}
	return &input{ctx: s.ctx, file: file}, nil
}

// input is a file of any type whose Read ends soon after ctx does, even where no
// data comes.
type input struct {
	ctx  context.Context //nolint:containedctx // io.Reader has no room for it
	file *os.File
}

// pollEvery is how often a Read that waits looks at its context, in
// milliseconds.
const pollEvery = 200

// Read waits for data, the end, or ctx.
func (i *input) Read(b []byte) (int, error) {
	fds := []unix.PollFd{{Fd: int32(i.file.Fd()), Events: unix.POLLIN}}
	for i.ctx.Err() == nil {
		ready, err := unix.Poll(fds, pollEvery)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return 0, &os.PathError{Op: "poll", Path: i.file.Name(), Err: err}
		}
		if ready > 0 {
			return i.file.Read(b)
		}
	}
	return 0, context.Cause(i.ctx)
}

// Close closes the file.
func (i *input) Close() error { return i.file.Close() }
