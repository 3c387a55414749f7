package btrfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// warmFile is an open file whose content is, in part, read into the page cache
// for somebody else. What it does is advice, so nothing comes of an error.
type warmFile struct {
	fd    int
	inode uint64
}

// openWarm opens an inode of the subvolume tree; see [OpenByID] for privileges.
func openWarm(fs *os.File, tree, inode uint64) (warmFile, error) {
	fd, err := openInode(fs, tree, inode, unix.O_RDONLY)
	return warmFile{fd: fd, inode: inode}, err
}

// warm begins to read the extent and does not wait for it.
func (f warmFile) warm(e dataExtent) {
	_ = unix.Fadvise(f.fd, e.offset, e.length, unix.FADV_WILLNEED)
}

// cool takes the extent out of the page cache.
func (f warmFile) cool(e dataExtent) {
	_ = unix.Fadvise(f.fd, e.offset, e.length, unix.FADV_DONTNEED)
}

// close takes all of the file out of the page cache.
func (f warmFile) close() {
	_ = unix.Fadvise(f.fd, 0, 0, unix.FADV_DONTNEED)
	_ = unix.Close(f.fd)
}
