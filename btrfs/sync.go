package btrfs

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sync commits the running transaction of the file system fs is on and waits
// for it. File data that is still dirty is not part of it: see [SyncFS].
func Sync(fs *os.File) error {
	const op = "commit transaction"
	var transid uint64
	if err := ioctl(fs, iocStartSync, unsafe.Pointer(&transid)); err != nil {
		return failIoctl(op, fs.Name(), err)
	}
	return failIoctl(op, fs.Name(), ioctl(fs, iocWaitSync, unsafe.Pointer(&transid)))
}

// SyncFS writes out all dirty data of the file system fs is on, commits, and
// waits. It needs no privilege.
func SyncFS(fs *os.File) error {
	err := unix.Syncfs(int(fs.Fd()))
	runtime.KeepAlive(fs)
	return fail("sync file system", fs.Name(), err)
}
