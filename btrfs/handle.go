package btrfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// fileIDWithoutParent is FILEID_BTRFS_WITHOUT_PARENT of enum fid_type.
const fileIDWithoutParent = 0x4d

// OpenByID opens the top directory of the subvolume id for reading, without a
// path to it. It needs CAP_DAC_READ_SEARCH besides. A subvolume that is not
// there gives ENOENT.
func OpenByID(fs *os.File, id uint64) (*os.File, error) {
	fd, err := openInode(fs, id, rootInode, unix.O_RDONLY|unix.O_DIRECTORY)
	name := fmt.Sprintf("%s (subvolume %d)", fs.Name(), id)
	if err != nil {
		return nil, fail("open", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// openInode opens an inode of the subvolume tree. Its errors are bare errnos.
func openInode(fs *os.File, tree, inode uint64, flags int) (int, error) {
	// struct btrfs_fid: inode, tree, generation 0 which means any.
	fid := make([]byte, 20)
	binary.NativeEndian.PutUint64(fid[0:], inode)
	binary.NativeEndian.PutUint64(fid[8:], tree)
	fd, err := unix.OpenByHandleAt(int(fs.Fd()), unix.NewFileHandle(fileIDWithoutParent, fid), flags|unix.O_CLOEXEC)
	runtime.KeepAlive(fs)
	if errors.Is(err, unix.ESTALE) {
		err = unix.ENOENT
	}
	return fd, err
}
