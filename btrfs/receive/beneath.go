package receive

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// beneath is how every path is resolved: openat2(2) with these flags neither
// leaves the directory it starts from nor passes a symbolic link or a mount.
const beneath = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV

// openBeneath opens path, which may have several components, below dir. A
// symbolic link anywhere in it gives ELOOP, a step outside EXDEV.
func openBeneath(dir *os.File, path string, flags int) (*os.File, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: beneath}
	for {
		fd, err := unix.Openat2(int(dir.Fd()), path, &how)
		runtime.KeepAlive(dir)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), path), nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		default:
			return nil, fmt.Errorf("open %q: %w", path, err)
		}
	}
}

func openDir(dir *os.File, path string) (*os.File, error) {
	return openBeneath(dir, path, unix.O_RDONLY|unix.O_DIRECTORY)
}

// openRegular opens path below dir if it is a regular file. It looks before it
// opens, since opening a device or a fifo already does something.
func openRegular(dir *os.File, path string, flags int) (*os.File, error) {
	probe, err := openBeneath(dir, path, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return nil, err
	}
	defer release(probe)
	var st unix.Stat_t
	if err := unix.Fstat(int(probe.Fd()), &st); err != nil {
		return nil, fmt.Errorf("stat %q: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, breach(ruleRegular, fmt.Errorf("%q is %s", path, kindName(st.Mode)))
	}
	return openBeneath(dir, path, flags)
}

// release closes what was only read from, or what an error has spoilt anyway.
func release(c io.Closer) { _ = c.Close() }

// kindName names the file type in a mode.
func kindName(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFLNK:
		return "a symbolic link"
	case unix.S_IFCHR, unix.S_IFBLK:
		return "a device"
	case unix.S_IFIFO:
		return "a fifo"
	case unix.S_IFSOCK:
		return "a socket"
	}
	return "a regular file"
}
