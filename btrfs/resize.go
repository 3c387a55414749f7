package btrfs

import (
	"os"
	"unsafe"
)

// Grow makes the file system fs is on fill its first device.
func Grow(fs *os.File) error {
	var args volArgs
	copy(args.name[:], "1:max")
	return failIoctl("grow file system", fs.Name(), ioctl(fs, iocResize, unsafe.Pointer(&args)))
}
