package btrfs

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

var errOtherExtent = errors.New("an extent is not what its item says")

// readEncoded reads an extent as it is stored into buf, which is as long as that.
func readEncoded(fd int, buf []byte, what reading) error {
	iov := unix.Iovec{Base: &buf[0]}
	iov.SetLen(len(buf))
	args := encodedArgs{iov: unsafe.Pointer(&iov), iovCount: 1, offset: what.offset}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&iov)
	pin.Pin(&buf[0])
	n, err := ioctlEncodedRead(fd, &args)
	if err != nil {
		return fmt.Errorf("read encoded at byte %d: %w", what.offset, err)
	}
	e := what.encoded
	if n != e.stored || args.unencodedLen != e.ram || args.unencodedOffset != e.into || args.compression != e.compression {
		return fmt.Errorf("read encoded at byte %d: %w", what.offset, errOtherExtent)
	}
	return nil
}

func ioctlEncodedRead(fd int, args *encodedArgs) (int, error) {
	for {
		n, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), iocEncodedRead, uintptr(unsafe.Pointer(args)))
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}
