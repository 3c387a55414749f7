package btrfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// DirName is the directory of a pool that holds all that btrmesh keeps there.
const DirName = ".btrmesh"

// sendName is the directory in it of what tasks hold.
const sendName = "send"

// Dir opens the directory of the given components beneath .btrmesh, or
// .btrmesh itself, and makes what is missing with mode 0700. No component may
// be a symbolic link, and .btrmesh must belong to root and be closed to others.
// The caller closes the file.
func (p *Pool) Dir(parts ...string) (*os.File, error) {
	dir, err := makeDir(p.dir, DirName)
	if err != nil {
		return nil, fail("open private directory", p.path+"/"+DirName, err)
	}
	if err := checkPrivate(dir); err != nil {
		return nil, fail("open private directory", dir.Name(), errors.Join(err, dir.Close()))
	}
	for _, part := range parts {
		next, err := makeDir(dir, part)
		if err := errors.Join(err, dir.Close()); err != nil {
			return nil, fail("open private directory", dir.Name()+"/"+part, err)
		}
		dir = next
	}
	return dir, nil
}

// checkPrivate guards what replicas hold: setuid files and devices of other
// machines.
func checkPrivate(dir *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return err
	}
	runtime.KeepAlive(dir)
	if st.Uid != 0 {
		return fmt.Errorf("it belongs to uid %d and must belong to root: %w", st.Uid, fs.ErrPermission)
	}
	if st.Mode&0o077 != 0 {
		return fmt.Errorf("it is open to others with mode %#o, chmod 700 it: %w", st.Mode&0o7777, fs.ErrPermission)
	}
	return nil
}

// makeDir opens the directory name in dir and makes it first if need be.
func makeDir(dir *os.File, name string) (*os.File, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	open := func() (*os.File, error) { return openBeneath(dir, name, unix.O_RDONLY|unix.O_DIRECTORY, 0) }
	file, err := open()
	if !errors.Is(err, unix.ENOENT) {
		return file, err
	}
	err = unix.Mkdirat(int(dir.Fd()), name, 0o700)
	runtime.KeepAlive(dir)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, err
	}
	return open()
}

// openBeneath opens path, which may neither leave dir nor pass a symbolic
// link. Its errors are bare errnos.
func openBeneath(dir *os.File, path string, flags int, mode uint64) (*os.File, error) {
	fd, err := unix.Openat2(int(dir.Fd()), path, &unix.OpenHow{
		Flags:   uint64(flags) | unix.O_CLOEXEC,
		Mode:    mode,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	runtime.KeepAlive(dir)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), dir.Name()+"/"+path), nil
}

// errnoOf strips what os adds, since the operation and the path come again.
func errnoOf(err error) error {
	if errno, ok := errors.AsType[unix.Errno](err); ok {
		return errno
	}
	return err
}
