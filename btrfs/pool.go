package btrfs

import (
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Pool is a directory on a mounted btrfs file system, held open: the top of the
// shares under it and of its .btrmesh directory. It is safe for concurrent use.
// The zero value is not valid.
type Pool struct {
	path  string
	dir   *os.File
	uuid  UUID
	label string
	lock  lock
	holds sync.Mutex // taken for each change of who holds which snapshot, and the system calls of it

	reserve  sync.Mutex // taken for each deletion, and the system calls of it
	reserved bool       // as far as this Pool knows

	foresights foresights
}

// OpenPool opens the directory path, which may be the root of a mount or lie
// within one. Elsewhere than on btrfs it fails with ErrNotBtrfs and names the
// file system that is there.
func OpenPool(path string) (*Pool, error) {
	const op = "open pool"
	dir, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, fail(op, path, errnoOf(err))
	}
	uuid, label, err := identify(dir)
	if err != nil {
		_ = dir.Close()
		return nil, fail(op, path, err)
	}
	return &Pool{path: path, dir: dir, uuid: uuid, label: label}, nil
}

// Close releases the pool and its lock. Calls in progress may fail.
func (p *Pool) Close() error {
	p.lock.release()
	return p.dir.Close()
}

// UUID returns the UUID of the file system.
func (p *Pool) UUID() UUID { return p.uuid }

// Label returns the label the file system had when the pool was opened; it may
// be empty.
func (p *Pool) Label() string { return p.label }

// Path returns the path the pool was opened by.
func (p *Pool) Path() string { return p.path }

// Sync commits the running transaction; see [Sync].
func (p *Pool) Sync() error { return Sync(p.dir) }

// SyncFS writes out all dirty data and commits; see [SyncFS].
func (p *Pool) SyncFS() error { return SyncFS(p.dir) }

// OpenByID opens the subvolume id of the pool's file system; see [OpenByID].
func (p *Pool) OpenByID(id uint64) (*os.File, error) { return OpenByID(p.dir, id) }

// FindUUID returns the ids of the subvolumes with that UUID; see [FindUUID].
func (p *Pool) FindUUID(u UUID) ([]uint64, error) { return FindUUID(p.dir, u) }

// FindReceived returns the ids of the subvolumes with that received UUID; see
// [FindReceived].
func (p *Pool) FindReceived(u UUID) ([]uint64, error) { return FindReceived(p.dir, u) }

// fsInfo is struct btrfs_ioctl_fs_info_args.
type fsInfo struct {
	maxID, devices                       uint64
	fsid                                 UUID
	nodeSize, sectorSize, cloneAlignment uint32
	checksumType, checksumSize           uint16
	flags, generation                    uint64 // generation: of the transaction that runs or ran last; 0: not told
	metadataUUID                         UUID
	_                                    [944]byte
}

var _ = [1]struct{}{}[unsafe.Sizeof(fsInfo{})-1024]

// identify returns the UUID and the label of the file system dir is on.
func identify(dir *os.File) (UUID, string, error) {
	if err := checkBtrfs(dir); err != nil {
		return UUID{}, "", err
	}
	info, err := readFSInfo(dir)
	if err != nil {
		return UUID{}, "", err
	}
	var label [256]byte
	if err := ioctl(dir, iocGetLabel, unsafe.Pointer(&label)); err != nil {
		return UUID{}, "", fmt.Errorf("read label: %w", err)
	}
	return info.fsid, unix.ByteSliceToString(label[:]), nil
}

// fsInfoGeneration is BTRFS_FS_INFO_FLAG_GENERATION; an old kernel leaves it out.
const fsInfoGeneration = 1 << 1

func readFSInfo(dir *os.File) (fsInfo, error) {
	info := fsInfo{flags: fsInfoGeneration}
	if err := ioctl(dir, iocFSInfo, unsafe.Pointer(&info)); err != nil {
		return fsInfo{}, fmt.Errorf("read file system information: %w", err)
	}
	return info, nil
}

// checkBtrfs tells what dir is on when it is not btrfs.
func checkBtrfs(dir *os.File) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &fs); err != nil {
		return err
	}
	if fs.Type == unix.BTRFS_SUPER_MAGIC {
		return nil
	}
	if kind, err := fileSystemType(dir); err == nil {
		return &ForeignError{Type: kind}
	}
	return ErrNotBtrfs
}

// ForeignError says which file system is where a pool was expected. It is an
// ErrNotBtrfs.
type ForeignError struct{ Type string } // "ext4"

// Error implements error.
func (e *ForeignError) Error() string { return ErrNotBtrfs.Error() + " but on " + e.Type }

// Unwrap returns ErrNotBtrfs.
func (e *ForeignError) Unwrap() error { return ErrNotBtrfs }
