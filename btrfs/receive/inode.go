package receive

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// inode is what a path of the stream names: an open file, or else an entry of an
// open directory. Its calls follow no symbolic link.
type inode struct {
	file *openFile // nil: go by spot
	spot spot
}

// inode finds path. The result is valid like that of dirs.spot.
func (a *applier) inode(path string) (inode, error) {
	if a.target.is(path) {
		return inode{file: &a.target}, nil
	}
	a.target.known = false // it may be another name of the open file
	s, err := a.dirs.spot(path)
	return inode{spot: s}, err
}

// stat returns number, mode and owner.
func (i inode) stat() (*unix.Stat_t, error) {
	if i.file != nil {
		return i.file.stat()
	}
	var st unix.Stat_t
	err := unix.Fstatat(i.spot.fd(), i.spot.name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return &st, err
}

// chmod follows a symbolic link: the caller has looked that there is none.
func (i inode) chmod(mode uint32) error {
	if i.file != nil {
		i.file.known = false
		return unix.Fchmod(i.file.fd, mode)
	}
	return unix.Fchmodat(i.spot.fd(), i.spot.name, mode, 0)
}

func (i inode) chown(uid, gid int) error {
	if i.file != nil {
		i.file.known = false
		return unix.Fchown(i.file.fd, uid, gid)
	}
	return unix.Fchownat(i.spot.fd(), i.spot.name, uid, gid, unix.AT_SYMLINK_NOFOLLOW)
}

func (i inode) setTimes(times *[2]unix.Timespec) error {
	if i.file != nil {
		return futimens(i.file.fd, times)
	}
	return unix.UtimesNanoAt(i.spot.fd(), i.spot.name, times[:], unix.AT_SYMLINK_NOFOLLOW)
}

func (i inode) setXattr(name string, value []byte) error {
	if i.file != nil {
		i.file.known = false // an access ACL is the mode, too
		return unix.Fsetxattr(i.file.fd, name, value, 0)
	}
	return unix.Lsetxattr(i.spot.proc(), name, value, 0)
}

// xattr reads the value into buf, which must be long enough, and returns it.
func (i inode) xattr(name string, buf []byte) ([]byte, error) {
	var n int
	var err error
	if i.file != nil {
		n, err = unix.Fgetxattr(i.file.fd, name, buf)
	} else {
		n, err = unix.Lgetxattr(i.spot.proc(), name, buf)
	}
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// removeXattr does not mind an attribute that is not there.
func (i inode) removeXattr(name string) error {
	var err error
	if i.file != nil {
		i.file.known = false
		err = unix.Fremovexattr(i.file.fd, name)
	} else {
		err = unix.Lremovexattr(i.spot.proc(), name)
	}
	if absent(err) {
		return nil
	}
	return err
}

// futimens sets access and modification time of an open file: utimensat(2)
// without a path, for which x/sys/unix has no function.
func futimens(fd int, times *[2]unix.Timespec) error {
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(times)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
