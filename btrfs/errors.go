package btrfs

import (
	"errors"

	"golang.org/x/sys/unix"
)

// What callers branch on. Each is wrapped in an [Error].
var (
	ErrNotBtrfs     = errors.New("not on a btrfs file system")
	ErrNotSubvolume = errors.New("not a subvolume")
	ErrNoParent     = errors.New("parent snapshot is not on this file system")
	ErrNotReadOnly  = errors.New("subvolume is not read-only")
	ErrInUse        = errors.New("pool is in use")
)

// Error is a failed operation on a path or a pool. Err is the errno where the
// kernel gave one.
type Error struct {
	Op   string // what was tried: "create snapshot"
	Path string // what it was tried on; may be relative to the directory given
	Err  error
}

// Error returns "op path: cause".
func (e *Error) Error() string { return e.Op + " " + e.Path + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// fail wraps err, and is nil if err is.
func fail(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Path: path, Err: err}
}

// failIoctl is fail for an ioctl that only btrfs knows.
func failIoctl(op, path string, err error) error {
	if errors.Is(err, unix.ENOTTY) {
		err = ErrNotBtrfs
	}
	return fail(op, path, err)
}
