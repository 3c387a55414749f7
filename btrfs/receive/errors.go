package receive

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

// What callers branch on.
var (
	ErrNoParent = errors.New("parent snapshot is not in the replica")
	ErrModified = errors.New("snapshot was modified after it was committed")
	ErrExists   = errors.New("snapshot is committed already")
	ErrNewest   = errors.New("newest snapshot of a replica is kept")
	ErrBusy     = errors.New("snapshot is being received already")

	ErrNoCheckpoint = errors.New("there is no such checkpoint")
)

// Rules that only the file system can tell broken. Their text is constant, fit
// for counting.
const (
	ruleBeneath    = "path passes a symbolic link or leaves the subvolume"
	ruleFits       = "command does not fit the tree it is applied to"
	ruleRegular    = "not a regular file"
	ruleSymlink    = "mode of a symbolic link"
	ruleSource     = "clone source is not allowed"
	ruleNoData     = "stream was made without file data"
	ruleDecode     = "compressed data does not decode"
	ruleUUID       = "snapshot is not the one agreed on"
	ruleCTransID   = "snapshot changed since it was agreed on"
	ruleParentUUID = "parent is not the one agreed on"
)

// breach says which rule the command being applied breaks; blame adds where.
func breach(rule string, err error) error { return &sendstream.Error{Rule: rule, Err: err} }

// blame wraps what went wrong with c: an [*sendstream.Error] when the stream is
// at fault, an error with the errno when this machine is.
func blame(c *sendstream.Command, err error) error {
	if err == nil {
		return nil
	}
	if broken, ok := errors.AsType[*sendstream.Error](err); ok {
		return &sendstream.Error{Offset: c.Offset, Command: c.Type, Rule: broken.Rule, Err: broken.Err}
	}
	err = fmt.Errorf("%q: %w", c.Path, err)
	if rule := ruleOf(err); rule != "" {
		return &sendstream.Error{Offset: c.Offset, Command: c.Type, Rule: rule, Err: err}
	}
	return fmt.Errorf("%s %w at byte %d", c.Type, err, c.Offset)
}

// ruleOf tells which rule an errno means, "" if it is not the stream's fault.
// Staging belongs to one run alone, so nobody else can have removed or made a
// path.
func ruleOf(err error) string {
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.EXDEV):
		return ruleBeneath
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EEXIST), errors.Is(err, unix.ENOTDIR),
		errors.Is(err, unix.EISDIR), errors.Is(err, unix.ENOTEMPTY), errors.Is(err, unix.ENAMETOOLONG):
		return ruleFits
	}
	return ""
}
