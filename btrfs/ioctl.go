package btrfs

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Directions of an ioctl, from asm-generic/ioctl.h.
const (
	iocWrite = 1 << 30
	iocRead  = 2 << 30
	iocMagic = 0x94 << 8
)

// Ioctl numbers: direction, size of the argument, magic, number.
const (
	iocResize         = iocWrite | 4096<<16 | iocMagic | 3
	iocSubvolCreate   = iocWrite | 4096<<16 | iocMagic | 14
	iocTreeSearchV2   = iocRead | iocWrite | 112<<16 | iocMagic | 17
	iocInoLookup      = iocRead | iocWrite | 4096<<16 | iocMagic | 18
	iocSpaceInfo      = iocRead | iocWrite | 16<<16 | iocMagic | 20
	iocWaitSync       = iocWrite | 8<<16 | iocMagic | 22
	iocSnapCreateV2   = iocWrite | 4096<<16 | iocMagic | 23
	iocStartSync      = iocRead | 8<<16 | iocMagic | 24
	iocSubvolGetFlags = iocRead | 8<<16 | iocMagic | 25
	iocSubvolSetFlags = iocWrite | 8<<16 | iocMagic | 26
	iocDevInfo        = iocRead | iocWrite | 4096<<16 | iocMagic | 30
	iocFSInfo         = iocRead | 1024<<16 | iocMagic | 31
	iocSetReceived    = iocRead | iocWrite | 200<<16 | iocMagic | 37
	iocSend           = iocWrite | 72<<16 | iocMagic | 38
	iocGetLabel       = iocRead | 256<<16 | iocMagic | 49
	iocGetDevStats    = iocRead | iocWrite | 1032<<16 | iocMagic | 52
	iocGetSubvolInfo  = iocRead | 504<<16 | iocMagic | 60
	iocSnapDestroyV2  = iocWrite | 4096<<16 | iocMagic | 63
	iocEncodedRead    = iocRead | 128<<16 | iocMagic | 64
	iocEncodedWrite   = iocWrite | 128<<16 | iocMagic | 64

	iocFiemap = iocRead | iocWrite | 32<<16 | 'f'<<8 | 11 // FS_IOC_FIEMAP of linux/fs.h
)

// ioctl passes arg to the file system of f. It goes on after a signal, which
// no ioctl but SEND minds.
func ioctl(f *os.File, request uintptr, arg unsafe.Pointer) error {
	for {
		err := ioctlOnce(f, request, arg)
		if err != unix.EINTR { //nolint:errorlint // a bare errno, compared once per call
			return err
		}
	}
}

// ioctlOnce is ioctl without going on after a signal.
func ioctlOnce(f *os.File, request uintptr, arg unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(arg))
	runtime.KeepAlive(f)
	if errno != 0 {
		return errno
	}
	return nil
}
