package receive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

// Discard removes the directory entry name in dir with all that is in it, be it
// a subvolume, a file, or a directory with subvolumes in it. A name that is not
// there is no error. It works on a full file system; the space comes back
// later. Where the quota is used up, it works for writable subvolumes.
func Discard(dir *os.File, name string) error {
	return discard(dir, name, func(id uint64) error { return btrfs.DeleteByID(dir, id) })
}

// discard is Discard on the pool. Where the quota is used up, it works as long as
// the pool has its reserve.
func (t *Target) discard(dir *os.File, name string) error {
	return discard(dir, name, t.pool.DeleteByID)
}

// discard removes subvolumes by what it is given for that.
func discard(dir *os.File, name string, destroy func(id uint64) error) error {
	entry, err := openDir(dir, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return discardEntry(dir, name, 0)
	case err != nil:
		return fmt.Errorf("discard %s: %w", name, err)
	}
	defer release(entry)
	sub, err := btrfs.Info(entry)
	if err == nil {
		return discardSubvolume(entry, sub.ID, destroy)
	}
	if !errors.Is(err, btrfs.ErrNotSubvolume) {
		return err
	}
	if err := empty(entry, destroy); err != nil {
		return fmt.Errorf("discard %s: %w", name, err)
	}
	return discardEntry(dir, name, unix.AT_REMOVEDIR)
}

// discardSubvolume removes a subvolume. The kernel counts what that writes
// against the quota, which may be used up, but not what unlinking writes: that
// comes first then.
func discardSubvolume(root *os.File, id uint64, destroy func(id uint64) error) error {
	err := destroy(id)
	if !errors.Is(err, unix.EDQUOT) {
		return err
	}
	if failed := errors.Join(empty(root, destroy), btrfs.SyncFS(root)); failed != nil {
		return errors.Join(err, failed)
	}
	return destroy(id)
}

// empty removes all that is in a directory.
func empty(dir *os.File, destroy func(id uint64) error) error {
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := discard(dir, name, destroy); err != nil {
			return err
		}
	}
	return nil
}

func discardEntry(dir *os.File, name string, flags int) error {
	if err := unix.Unlinkat(int(dir.Fd()), name, flags); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("discard %s: %w", name, err)
	}
	return nil
}
