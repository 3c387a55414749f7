package main

import (
	"errors"
	"fmt"
	"os"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
)

// bases finds the snapshots that a stream builds on, anywhere on a file system.
type bases struct{ pool *btrfs.Pool }

// base is a read-only subvolume.
type base struct {
	file *os.File // its top directory
	btrfs.Subvolume
}

// isChanged reports whether the content changed after the subvolume was marked as
// received. That may have been data on its way to the disk: btrfs receive marks
// first.
func (b base) isChanged() bool { return !b.ReceivedUUID.IsZero() && b.CTransID > b.RTransID }

// open is a [receive.Opener]: it opens a read-only subvolume that was received
// from the snapshot u or, failing that, the snapshot itself.
func (b bases) open(u btrfs.UUID) (*os.File, error) {
	var errs []error
	for _, find := range []func(btrfs.UUID) ([]uint64, error){b.pool.FindReceived, b.pool.FindUUID} {
		ids, err := find(u)
		if err != nil {
			return nil, err
		}
		found, err := b.readOnly(ids)
		if len(found) > 0 {
			return choose(found), nil
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("%v: %w: %w", u, receive.ErrNoParent, err)
	}
	return nil, fmt.Errorf("%v: %w", u, receive.ErrNoParent)
}

// readOnly opens those of some subvolumes that are read-only; the error is about
// the others.
func (b bases) readOnly(ids []uint64) (found []base, err error) {
	for _, id := range ids {
		one, failed := b.openBase(id)
		if failed == nil {
			found = append(found, one)
		}
		err = errors.Join(err, failed)
	}
	return found, err
}

func (b bases) openBase(id uint64) (base, error) {
	file, err := b.pool.OpenByID(id)
	if err != nil {
		return base{}, err
	}
	sub, err := btrfs.Info(file)
	if err == nil && !sub.ReadOnly {
		err = fmt.Errorf("subvolume %d: %w", id, btrfs.ErrNotReadOnly)
	}
	if err != nil {
		return base{}, errors.Join(err, file.Close())
	}
	return base{file, sub}, nil
}

// choose returns the first that did not change, or else the first, and closes the
// others.
func choose(found []base) *os.File {
	best := 0
	for best < len(found) && found[best].isChanged() {
		best++
	}
	best %= len(found)
	for i, b := range found {
		if i != best {
			_ = b.file.Close() // opened for reading
		}
	}
	return found[best].file
}
