package btrfs

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fiemap is struct fiemap of linux/fiemap.h without room for extents.
type fiemap struct {
	start, length uint64
	flags         uint32
	mapped        uint32
	room          uint32
	_             uint32
}

var _ = [1]struct{}{}[unsafe.Sizeof(fiemap{})-32]

// WriteOut writes out the data of some files of the subvolume root and waits for
// it, and for nobody else's. What is written is part of the running transaction
// then: [Sync] makes it durable. Nothing is promised, as a kernel before 6.1 does
// not wait long enough and an error is nobody's: whether it is there, [Written]
// tells. It needs CAP_DAC_READ_SEARCH.
func WriteOut(root *os.File, inodes []uint64) {
	sub, err := Info(root)
	if err != nil {
		return
	}
	var fds []int
	for _, inode := range inodes {
		fd, err := openInode(root, sub.ID, inode, unix.O_RDONLY|unix.O_NONBLOCK)
		if err != nil {
			continue
		}
		defer unix.Close(fd) //nolint:errcheck // opened for reading
		fds = append(fds, fd)
		_ = unix.SyncFileRange(fd, 0, 0, unix.SYNC_FILE_RANGE_WRITE) // begins, so that all are written side by side
	}
	for _, fd := range fds {
		awaitExtents(fd)
	}
}

// WriteOutFile is [WriteOut] for one open file. It needs no privilege.
func WriteOutFile(f *os.File) {
	awaitExtents(int(f.Fd()))
	runtime.KeepAlive(f)
}

// awaitExtents asks for the extents of a file after they were written, and for no
// room to list them. btrfs then waits until they are in its tree, and no log is
// written as fsync does.
func awaitExtents(fd int) {
	const syncFirst = 1 // FIEMAP_FLAG_SYNC
	m := fiemap{length: 1<<63 - 1, flags: syncFirst}
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), iocFiemap, uintptr(unsafe.Pointer(&m)))
}
