package btrfs

import (
	"encoding/binary"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rootInode is the inode number of every subvolume's top directory
// (BTRFS_FIRST_FREE_OBJECTID).
const rootInode = 256

// Subvolume is what the kernel knows of one subvolume. Numbers that were never
// set are zero, as are times.
type Subvolume struct {
	ID       uint64 // tree id, never used twice in one file system
	ParentID uint64 // of the subvolume that holds its directory entry; 0 for the top level

	UUID         UUID
	ParentUUID   UUID // of the subvolume it was snapshotted from
	ReceivedUUID UUID // of the snapshot it was received from

	Generation uint64 // transaction of the last committed change
	CTransID   uint64 // transaction of the last change to its contents
	OTransID   uint64 // transaction that created it
	STransID   uint64 // ctransid of the received snapshot at its source
	RTransID   uint64 // transaction in which STransID was set

	CTime, OTime, STime, RTime time.Time // of the transactions above; UTC

	ReadOnly bool
}

type timespec struct {
	sec  uint64
	nsec uint32
	_    uint32
}

func (t timespec) time() time.Time {
	if t.sec == 0 && t.nsec == 0 {
		return time.Time{}
	}
	return time.Unix(int64(t.sec), int64(t.nsec)).UTC()
}

// subvolInfo is struct btrfs_ioctl_get_subvol_info_args.
type subvolInfo struct {
	treeID                                 uint64
	name                                   [256]byte
	parentID, dirID, generation, flags     uint64
	uuid, parentUUID, receivedUUID         UUID
	ctransid, otransid, stransid, rtransid uint64
	ctime, otime, stime, rtime             timespec
	_                                      [8]uint64
}

// volArgs is struct btrfs_ioctl_vol_args.
type volArgs struct {
	fd   int64
	name [4088]byte
}

// volArgsV2 is struct btrfs_ioctl_vol_args_v2.
type volArgsV2 struct {
	fd      int64
	transid uint64
	flags   uint64
	_       [4]uint64
	name    [4040]byte
}

var (
	_ = [1]struct{}{}[unsafe.Sizeof(subvolInfo{})-504]
	_ = [1]struct{}{}[unsafe.Sizeof(volArgs{})-4096]
	_ = [1]struct{}{}[unsafe.Sizeof(volArgsV2{})-4096]
)

const (
	rootReadOnly = 1 << 0 // BTRFS_ROOT_SUBVOL_RDONLY, of root items and subvolInfo
	volReadOnly  = 1 << 1 // BTRFS_SUBVOL_RDONLY, of ioctl arguments
	volSpecByID  = 1 << 4 // BTRFS_SUBVOL_SPEC_BY_ID
)

// Info describes the subvolume whose top directory is dir. It fails with
// ErrNotSubvolume for any other directory, and needs no privilege.
func Info(dir *os.File) (Subvolume, error) {
	if err := checkSubvolume(dir); err != nil {
		return Subvolume{}, fail("inspect subvolume", dir.Name(), err)
	}
	var info subvolInfo
	if err := ioctl(dir, iocGetSubvolInfo, unsafe.Pointer(&info)); err != nil {
		return Subvolume{}, failIoctl("inspect subvolume", dir.Name(), err)
	}
	return info.subvolume(), nil
}

func (i *subvolInfo) subvolume() Subvolume {
	return Subvolume{
		ID: i.treeID, ParentID: i.parentID,
		UUID: i.uuid, ParentUUID: i.parentUUID, ReceivedUUID: i.receivedUUID,
		Generation: i.generation,
		CTransID:   i.ctransid, OTransID: i.otransid, STransID: i.stransid, RTransID: i.rtransid,
		CTime: i.ctime.time(), OTime: i.otime.time(), STime: i.stime.time(), RTime: i.rtime.time(),
		ReadOnly: i.flags&rootReadOnly != 0,
	}
}

// checkSubvolume is needed because the kernel answers for any directory, with
// the subvolume around it.
func checkSubvolume(dir *os.File) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &fs); err != nil {
		return err
	}
	if fs.Type != unix.BTRFS_SUPER_MAGIC {
		return ErrNotBtrfs
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return err
	}
	runtime.KeepAlive(dir)
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Ino != rootInode {
		return ErrNotSubvolume
	}
	return nil
}

// CreateSubvolume makes an empty writable subvolume called name in dir. It is
// durable after [Sync].
func CreateSubvolume(dir *os.File, name string) error {
	if err := checkName(name); err != nil {
		return fail("create subvolume", name, err)
	}
	var args volArgs
	copy(args.name[:], name)
	return failIoctl("create subvolume", dir.Name()+"/"+name, ioctl(dir, iocSubvolCreate, unsafe.Pointer(&args)))
}

// CreateSnapshot makes a snapshot of the subvolume src called name in dir. The
// kernel writes out the data of src first and commits, so the snapshot is
// durable when CreateSnapshot returns.
func CreateSnapshot(dir *os.File, name string, src *os.File, readOnly bool) error {
	if err := checkName(name); err != nil {
		return fail("create snapshot", name, err)
	}
	args := volArgsV2{fd: int64(src.Fd())}
	if readOnly {
		args.flags = volReadOnly
	}
	copy(args.name[:], name)
	err := ioctl(dir, iocSnapCreateV2, unsafe.Pointer(&args))
	runtime.KeepAlive(src)
	return failIoctl("create snapshot", dir.Name()+"/"+name, err)
}

// DeleteByID removes the subvolume id from the file system that fs is on,
// wherever it is. It returns at once and the space comes back later. A
// subvolume that is not there gives ENOENT, one being sent EPERM, one with
// subvolumes inside ENOTEMPTY.
func DeleteByID(fs *os.File, id uint64) error {
	args := volArgsV2{flags: volSpecByID}
	binary.NativeEndian.PutUint64(args.name[:], id)
	return failIoctl("delete subvolume", fs.Name(), ioctl(fs, iocSnapDestroyV2, unsafe.Pointer(&args)))
}

// SetReadOnly makes the subvolume dir read-only or writable. The kernel keeps
// its received UUID either way. It gives EPERM while the subvolume is sent.
func SetReadOnly(dir *os.File, ro bool) error {
	const op = "set read-only flag"
	var flags uint64
	if err := ioctl(dir, iocSubvolGetFlags, unsafe.Pointer(&flags)); err != nil {
		return failIoctl(op, dir.Name(), err)
	}
	flags &^= volReadOnly
	if ro {
		flags |= volReadOnly
	}
	return failIoctl(op, dir.Name(), ioctl(dir, iocSubvolSetFlags, unsafe.Pointer(&flags)))
}
