package btrfs

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Encoded says how the bytes given to [EncodedWrite] are to be read; see
// struct btrfs_ioctl_encoded_io_args. Lengths and offsets are in bytes.
type Encoded struct {
	Offset          int64  // where in the file
	Len             uint64 // of the file range this makes up
	UnencodedLen    uint64 // of the whole extent once decoded, at most 128 KiB
	UnencodedOffset uint64 // where in the decoded extent the file range starts
	Compression     uint32 // BTRFS_ENCODED_IO_COMPRESSION_*: 1 zlib, 2 zstd, 3..7 lzo by sector size
	Encryption      uint32 // must be 0
}

// encodedArgs is struct btrfs_ioctl_encoded_io_args.
type encodedArgs struct {
	iov             unsafe.Pointer
	iovCount        uint64
	offset          int64
	flags           uint64
	length          uint64
	unencodedLen    uint64
	unencodedOffset uint64
	compression     uint32
	encryption      uint32
	_               [64]byte
}

var _ = [1]struct{}{}[unsafe.Sizeof(encodedArgs{})-128]

// EncodedWrite writes a compressed extent as it is to the file that is open as fd.
// All of data is written or none. EINVAL means a range the file cannot take
// compressed (an unaligned end before the end of the file, no checksums), ENOTTY a
// kernel before 5.18.
func EncodedWrite(fd int, data []byte, e Encoded) error {
	if len(data) == 0 {
		return fmt.Errorf("write encoded at byte %d: %w", e.Offset, unix.EINVAL)
	}
	iov := unix.Iovec{Base: &data[0]}
	iov.SetLen(len(data))
	args := encodedArgs{
		iov: unsafe.Pointer(&iov), iovCount: 1, offset: e.Offset, length: e.Len,
		unencodedLen: e.UnencodedLen, unencodedOffset: e.UnencodedOffset,
		compression: e.Compression, encryption: e.Encryption,
	}
	// The call keeps args alive, and args what they point to; nothing of it moves meanwhile.
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), iocEncodedWrite, uintptr(unsafe.Pointer(&args)))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return fmt.Errorf("write encoded at byte %d: %w", e.Offset, errno)
		}
	}
}

// CloneRange lets dst share length bytes of src. A zero length means up to the
// end of src. Offsets and length are multiples of the block size, except that
// a range may end at the end of src. It needs no privilege but both files open,
// dst for writing.
func CloneRange(dst *os.File, dstOffset int64, src *os.File, srcOffset, length int64) error {
	err := unix.IoctlFileCloneRange(int(dst.Fd()), &unix.FileCloneRange{
		Src_fd: int64(src.Fd()), Src_offset: uint64(srcOffset), Src_length: uint64(length), Dest_offset: uint64(dstOffset),
	})
	runtime.KeepAlive(src)
	runtime.KeepAlive(dst)
	return fail("clone range", dst.Name(), err)
}
