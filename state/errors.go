package state

import (
	"errors"
	"fmt"
)

// Errors to branch on; what is returned wraps them.
var (
	ErrLocked   = errors.New("another process uses it") // see LockedError
	ErrMode     = errors.New("others may read it")
	ErrConflict = errors.New("too many conflicting updates")
	ErrClosed   = errors.New("store is closed")
)

// LockedError says which process has the store. It wraps ErrLocked.
type LockedError struct {
	Dir string
	PID int // 0: unknown
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("open state %s: %v", e.Dir, ErrLocked)
	}
	return fmt.Sprintf("open state %s: %v (pid %d)", e.Dir, ErrLocked, e.PID)
}

// Unwrap returns ErrLocked.
func (e *LockedError) Unwrap() error { return ErrLocked }

// SchemaError says that the store was written by a program that this one cannot
// follow: a newer one, or, with Found 0, one that left no schema number.
type SchemaError struct {
	Found, Known uint32
}

func (e *SchemaError) Error() string {
	if e.Found == 0 {
		return fmt.Sprintf("state has no schema number; this program expects %d", e.Known)
	}
	return fmt.Sprintf("state has schema %d, this program knows %d: it was written by a newer one", e.Found, e.Known)
}

// CorruptError says that a value cannot be read.
type CorruptError struct {
	Key string // kind and hex
	Err error
}

func (e *CorruptError) Error() string { return fmt.Sprintf("read %s: corrupt: %v", e.Key, e.Err) }

// Unwrap returns what was wrong with the value.
func (e *CorruptError) Unwrap() error { return e.Err }
