package btrfs

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// pipeSize holds back the kernel as little as an unprivileged pipe can.
const pipeSize = 1 << 20

// sendPipe returns a pipe for SEND to write to. Both ends block: the kernel would
// take EAGAIN for a failure, and a read end that Go waits for by epoll is woken
// for each of the kernel's small writes, whether anybody reads or not. Closing
// the read end does not end a read; the kernel's next write does, and fails.
func sendPipe() (r, w *os.File, err error) {
	var fd [2]int
	if err := unix.Pipe2(fd[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("make pipe: %w", err)
	}
	_, _ = unix.FcntlInt(uintptr(fd[1]), unix.F_SETPIPE_SZ, pipeSize) // only slower without
	return os.NewFile(uintptr(fd[0]), "send stream"), os.NewFile(uintptr(fd[1]), "send stream"), nil
}

// A read of the pipe that gave less than shortRead bytes says that the kernel is
// the slower one. In a moment it fills a fraction of the pipe.
const (
	shortRead = 64 << 10
	moment    = time.Millisecond
)

// patient reads in few large pieces: after a short one it waits a moment. With a
// wake-up for every command, send and receive of small files took half as much
// processor time again. It is not safe for concurrent use.
type patient struct {
	src   io.Reader
	short bool // the last read was
}

func (p *patient) Read(b []byte) (int, error) {
	if p.short {
		<-time.After(moment)
	}
	n, err := p.src.Read(b)
	p.short = n < min(shortRead, len(b))
	return n, err
}
