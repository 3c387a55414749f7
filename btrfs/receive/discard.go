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
// later.
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
		return btrfs.DeleteByID(dir, sub.ID)
	}
	if !errors.Is(err, btrfs.ErrNotSubvolume) {
		return err
	}
	names, err := entry.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("discard %s: %w", name, err)
	}
	for _, inside := range names {
		if err := Discard(entry, inside); err != nil {
			return fmt.Errorf("discard %s: %w", name, err)
		}
	}
	return discardEntry(dir, name, unix.AT_REMOVEDIR)
}

func discardEntry(dir *os.File, name string, flags int) error {
	if err := unix.Unlinkat(int(dir.Fd()), name, flags); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("discard %s: %w", name, err)
	}
	return nil
}
