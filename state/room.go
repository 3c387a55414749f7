package state

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

const (
	// leastFree is how many bytes have to be free for anything to be written.
	// Badger writes into mapped files, and the kernel ends a process that does so
	// on a full disk (SIGBUS); it takes two tables of 8 MiB at a time.
	leastFree = 16 << 20
	// ballastBytes is the size of a file that is removed when there is not as much
	// free any more: a daemon can still start, and record how its runs end.
	ballastBytes = 32 << 20
	ballastName  = "ballast"
)

// FullError says that the disk of the store is full. Nothing was changed, what was
// acknowledged is safe, and reading goes on.
type FullError struct {
	Dir       string
	FreeBytes uint64
}

func (e *FullError) Error() string {
	return fmt.Sprintf("the disk of %s has %d KiB free and %d are needed: nothing can be recorded until there is room", e.Dir, e.FreeBytes>>10, leastFree>>10)
}

// room guards the space that the store needs. Others write to the disk too, so it
// is a precaution and no guarantee: what it is too late for ends the process, and
// loses nothing that was acknowledged. It is safe for concurrent use; a nil room is
// that of a store in memory.
type room struct {
	dir string
	log *slog.Logger

	mu   sync.Mutex
	laid bool // the ballast is there, or cannot be
}

// check returns a *FullError if nothing may be written.
func (r *room) check() error {
	if r == nil {
		return nil
	}
	free, err := r.free()
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if free < leastFree {
		return r.drop(free)
	}
	if !r.laid && free >= leastFree+2*ballastBytes {
		r.lay()
	}
	return nil
}

// has reports whether so many bytes may be written at once.
func (r *room) has(bytes int64) bool {
	if r == nil {
		return true
	}
	free, err := r.free()
	return err == nil && free >= leastFree+uint64(max(bytes, 0))
}

func (r *room) free() (uint64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(r.dir, &st); err != nil {
		return 0, fmt.Errorf("space of %s: %w", r.dir, err)
	}
	return st.Bavail * uint64(st.Bsize), nil
}

// drop removes the ballast. Space may be free only after a commit of the file
// system.
func (r *room) drop(free uint64) error {
	err := os.Remove(filepath.Join(r.dir, ballastName))
	if errors.Is(err, fs.ErrNotExist) {
		return &FullError{Dir: r.dir, FreeBytes: free}
	}
	if err != nil {
		return errors.Join(&FullError{Dir: r.dir, FreeBytes: free}, err)
	}
	r.laid = false
	syscall.Sync()
	free, err = r.free()
	if err != nil {
		return err
	}
	r.log.Error("disk of the state is full, ballast dropped", "dir", r.dir, "free_bytes", free)
	if free < leastFree {
		return &FullError{Dir: r.dir, FreeBytes: free}
	}
	return nil
}

// lay makes the ballast. Where the file system cannot, the store does without.
func (r *room) lay() {
	r.laid = true
	path := filepath.Join(r.dir, ballastName)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		r.log.Warn("no ballast", "dir", r.dir, "err", err)
		return
	}
	err = syscall.Fallocate(int(file.Fd()), 0, 0, ballastBytes)
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(path) // a part of one is none
		r.log.Warn("no ballast", "dir", r.dir, "err", err)
	}
}
