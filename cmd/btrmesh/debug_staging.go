package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
)

// Names of what is not finished, beside what will be.
const (
	stagingPrefix = btrfs.DirName + "-receive-" // random text follows
	sealingSuffix = ".sealing"
	stagedName    = "data"
)

// staging is where one snapshot is made: a hidden directory that nobody else can
// reach, since files get their permissions only after they were made. Whoever
// works in it holds a lock on it, which a kill releases.
type staging struct {
	into *os.File // the directory the snapshot is for
	dir  *os.File // the hidden one in it
	name string   // of that
}

// newStaging makes one, and removes those of receives that were killed.
func newStaging(into *os.File) (*staging, error) {
	if err := flock(into, unix.LOCK_EX); err != nil { // so that sweep meets none that is not locked yet
		return nil, err
	}
	defer flock(into, unix.LOCK_UN) //nolint:errcheck // it goes with the file at the latest
	if err := sweep(into); err != nil {
		return nil, err
	}
	s := &staging{into: into, name: stagingPrefix + rand.Text()}
	if err := unix.Mkdirat(int(into.Fd()), s.name, 0o700); err != nil {
		return nil, &os.PathError{Op: "mkdir", Path: into.Name() + "/" + s.name, Err: err}
	}
	var err error
	if s.dir, err = openDirIn(into, s.name); err != nil {
		return nil, errors.Join(err, receive.Discard(into, s.name))
	}
	if err := flock(s.dir, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// sweep removes what nobody works on any more.
func sweep(into *os.File) error {
	again, err := openDirIn(into, ".")
	if err != nil {
		return err
	}
	defer again.Close() //nolint:errcheck // opened for reading
	names, err := again.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if isStagingName(name) {
			err = errors.Join(err, sweepOne(into, name))
		}
	}
	return err
}

// isStagingName reports whether newStaging or publish can have made the name.
func isStagingName(name string) bool {
	random, found := strings.CutPrefix(strings.TrimSuffix(name, sealingSuffix), stagingPrefix)
	return found && len(random) == len(rand.Text())
}

func sweepOne(into *os.File, name string) error {
	dir, err := openDirIn(into, name)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	err = flock(dir, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil
	}
	if err != nil {
		return err
	}
	return receive.Discard(into, name)
}

// publish seals what was applied and gives it its name, which must be free: else
// the error is EEXIST. A read-only subvolume cannot move to another directory, so
// it leaves the hidden one before; only the last step shows it.
func (s *staging) publish(applied *receive.Applied, name string) (btrfs.Subvolume, error) {
	if err := flock(applied.Root, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return btrfs.Subvolume{}, err
	}
	if err := move(s.dir, stagedName, s.into, s.name+sealingSuffix); err != nil {
		return btrfs.Subvolume{}, err
	}
	have, err := receive.Seal(applied, time.Time{})
	if err != nil {
		return have, err
	}
	if err := move(s.into, s.name+sealingSuffix, s.into, name); err != nil {
		return have, err
	}
	return have, btrfs.Sync(s.into)
}

// close removes what was not published.
func (s *staging) close() error {
	return errors.Join(receive.Discard(s.into, s.name+sealingSuffix), receive.Discard(s.into, s.name), s.dir.Close())
}

func move(from *os.File, name string, to *os.File, newName string) error {
	if err := unix.Renameat2(int(from.Fd()), name, int(to.Fd()), newName, unix.RENAME_NOREPLACE); err != nil {
		return &os.LinkError{Op: "rename", Old: from.Name() + "/" + name, New: to.Name() + "/" + newName, Err: err}
	}
	return nil
}

// openDirIn opens a directory that is an entry of dir and no link.
func openDirIn(dir *os.File, name string) (*os.File, error) {
	path := dir.Name() + "/" + name
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// flock changes the lock on an open file; see flock(2).
func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("lock %s: %w", f.Name(), err)
		}
	}
}
