package btrfs

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// pin keeps a read-only subvolume as it is: while one is there, the kernel
// neither deletes it nor makes it writable. Only SEND does that, so a pin is a SEND
// that waits for ever, for somebody to read what it writes. Before it writes, SEND
// brings the tree up to date, data and items that were still in memory.
type pin struct {
	out   *os.File // that nobody reads
	ended <-chan error
}

// pinned returns once the subvolume is pinned.
func (s sending) pinned(ctx context.Context) (*pin, error) {
	r, w, err := onePacketPipe()
	if err != nil {
		return nil, err
	}
	s.flags |= sendNoFileData
	ended := make(chan error, 1)
	go func() {
		err := s.ioctl(w)
		ended <- errors.Join(err, w.Close())
	}()
	p := &pin{out: r, ended: ended}
	written, err := waitForInput(r)
	if err == nil && written && ctx.Err() == nil {
		return p, nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return nil, errors.Join(err, p.release())
}

// release ends the pin and returns why SEND had ended before, if it had.
func (p *pin) release() error {
	err := p.out.Close()
	if sendErr := <-p.ended; !errors.Is(sendErr, unix.EPIPE) {
		err = errors.Join(err, sendErr)
	}
	return err
}

// onePacketPipe returns a pipe that takes one write and no second one, however
// short they are.
func onePacketPipe() (r, w *os.File, err error) {
	var fd [2]int
	if err := unix.Pipe2(fd[:], unix.O_CLOEXEC|unix.O_DIRECT); err != nil {
		return nil, nil, fmt.Errorf("make pipe: %w", err)
	}
	r, w = os.NewFile(uintptr(fd[0]), "pin"), os.NewFile(uintptr(fd[1]), "pin")
	if _, err := unix.FcntlInt(uintptr(fd[1]), unix.F_SETPIPE_SZ, os.Getpagesize()); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("shrink pipe: %w", err), r.Close(), w.Close())
	}
	return r, w, nil
}

// waitForInput waits until a pipe has something to read. It is false if there is
// nothing and the other end was closed.
func waitForInput(r *os.File) (bool, error) {
	fds := []unix.PollFd{{Fd: int32(r.Fd()), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return fds[0].Revents&unix.POLLIN != 0, err
	}
}
