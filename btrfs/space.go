package btrfs

import (
	"math/bits"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Space is how full a pool is, in bytes of files as statfs counts them.
type Space struct {
	Total, Free uint64
	Unallocated uint64 // raw bytes of the devices that no chunk has yet
	Metadata    uint64 // bytes free in the chunks for metadata
	Profile     string // of the data: "single", "raid1", …; the newest if there are several
	ReadOnly    bool   // mounted so, or turned so by the kernel after an error
}

// spaceInfo is struct btrfs_ioctl_space_info.
type spaceInfo struct{ flags, total, used uint64 }

// maxSpaces bounds the kinds of chunks: three types in nine profiles.
const maxSpaces = 64

// spaceArgs is struct btrfs_ioctl_space_args.
type spaceArgs struct {
	slots, count uint64
	spaces       [maxSpaces]spaceInfo
}

var _ = [1]struct{}{}[unsafe.Offsetof(spaceArgs{}.spaces)-16]

// Types of chunks, BTRFS_BLOCK_GROUP_*.
const (
	chunkData     = 1 << 0
	chunkMetadata = 1 << 2
	chunkProfiles = 0x7f8
)

// Space reads how full the pool is.
func (p *Pool) Space() (Space, error) {
	const op = "read space"
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(p.dir.Fd()), &fs); err != nil {
		return Space{}, fail(op, p.path, err)
	}
	runtime.KeepAlive(p)
	var args spaceArgs
	args.slots = maxSpaces
	if err := ioctl(p.dir, iocSpaceInfo, unsafe.Pointer(&args)); err != nil {
		return Space{}, failIoctl(op, p.path, err)
	}
	free, err := unallocated(p.dir)
	if err != nil {
		return Space{}, fail(op, p.path, err)
	}
	s := spaceOf(args.spaces[:min(args.count, maxSpaces)])
	s.Total, s.Free, s.Unallocated = fs.Blocks*uint64(fs.Bsize), fs.Bavail*uint64(fs.Bsize), free
	s.ReadOnly = fs.Flags&unix.ST_RDONLY != 0
	return s, nil
}

func spaceOf(chunks []spaceInfo) Space {
	var s Space
	for _, c := range chunks {
		if c.flags&chunkData != 0 {
			s.Profile = profile(c.flags)
		}
		if c.flags&chunkMetadata != 0 {
			s.Metadata += c.total - min(c.used, c.total)
		}
	}
	return s
}

// profile names the redundancy of a chunk.
func profile(flags uint64) string {
	names := [...]string{"raid0", "raid1", "dup", "raid10", "raid5", "raid6", "raid1c3", "raid1c4"}
	at := bits.TrailingZeros64(flags&chunkProfiles) - 3
	if at >= len(names) {
		return "single"
	}
	return names[at]
}

// devInfo is struct btrfs_ioctl_dev_info_args.
type devInfo struct {
	id          uint64
	uuid        UUID
	used, total uint64
	_           [379]uint64
	path        [1024]byte
}

var _ = [1]struct{}{}[unsafe.Sizeof(devInfo{})-4096]

// unallocated sums what the devices have left.
func unallocated(dir *os.File) (uint64, error) {
	devices, err := readDevices(dir)
	if err != nil {
		return 0, err
	}
	var sum uint64
	for _, d := range devices {
		sum += d.total - min(d.used, d.total)
	}
	return sum, nil
}
