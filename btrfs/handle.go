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
	// struct btrfs_fid: inode, tree, generation 0 which means any.
	fid := make([]byte, 20)
	binary.NativeEndian.PutUint64(fid[0:], rootInode)
	binary.NativeEndian.PutUint64(fid[8:], id)
	fd, err := unix.OpenByHandleAt(int(fs.Fd()), unix.NewFileHandle(fileIDWithoutParent, fid),
		unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	runtime.KeepAlive(fs)
	name := fmt.Sprintf("%s (subvolume %d)", fs.Name(), id)
	if errors.Is(err, unix.ESTALE) {
		err = unix.ENOENT
	}
	if err != nil {
		return nil, fail("open", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
