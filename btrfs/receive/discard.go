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
		return discardSubvolume(dir, entry, sub.ID)
	}
	if !errors.Is(err, btrfs.ErrNotSubvolume) {
		return err
	}
	if err := empty(entry); err != nil {
		return fmt.Errorf("discard %s: %w", name, err)
	}
	return discardEntry(dir, name, unix.AT_REMOVEDIR)
}

// discardSubvolume removes a subvolume. The kernel counts what that writes
// against the quota, which may be used up, but not what unlinking writes: that
// comes first then.
func discardSubvolume(dir, root *os.File, id uint64) error {
	err := btrfs.DeleteByID(dir, id)
	if !errors.Is(err, unix.EDQUOT) {
		return err
	}
	if err := errors.Join(empty(root), btrfs.SyncFS(root)); err != nil {
		return err
	}
	return btrfs.DeleteByID(dir, id)
}

// empty removes all that is in a directory.
func empty(dir *os.File) error {
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := Discard(dir, name); err != nil {
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
