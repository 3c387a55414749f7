package btrfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

const lockName = "lock"

// lock is the flock on .btrmesh/lock; the file's text is the holder's process
// id, for the other one's error message only.
type lock struct {
	mu   sync.Mutex
	file *os.File
}

// Lock makes this Pool the only user of its .btrmesh directory until Close or
// the end of the process. It fails with ErrInUse if another holds it, naming
// the process when that is known. Locking twice is one lock. It also lays by the
// reserve of [Pool.DeleteByID], if there is room.
func (p *Pool) Lock() error {
	const op = "lock pool"
	dir, err := p.Dir()
	if err != nil {
		return fail(op, p.path, err)
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	if err := p.lock.acquire(dir); err != nil {
		return fail(op, p.path, err)
	}
	p.reserve.Lock()
	defer p.reserve.Unlock()
	p.layBy()
	return nil
}

func (l *lock) acquire(dir *os.File) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		return nil
	}
	file, err := openBeneath(dir, lockName, unix.O_RDWR|unix.O_CREAT, 0o600)
	if err != nil {
		return err
	}
	if err := hold(file); err != nil {
		return errors.Join(err, file.Close())
	}
	l.file = file
	return nil
}

func (l *lock) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		_ = l.file.Close() // nothing in it is needed
		l.file = nil
	}
}

// hold takes the lock and writes who has it.
func hold(file *os.File) error {
	err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return inUse(file)
	}
	if err != nil {
		return err
	}
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func inUse(file *os.File) error {
	text, err := io.ReadAll(io.LimitReader(file, 20))
	pid, bad := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil || bad != nil {
		return ErrInUse
	}
	return fmt.Errorf("%w by process %d", ErrInUse, pid)
}
