package sendstream

// Time is a point in time as btrfs stores it: seconds since 1970 UTC, which may
// be negative, and nanoseconds below 1e9.
type Time struct {
	Sec  int64
	Nsec uint32
}

// Command is one decoded command. Only the fields its type carries are set, all
// others are zero. The slices alias the buffer of the Reader that filled it and
// are valid until the next call of Next; the receiver of a Command must not
// write to them.
type Command struct {
	Type   Type
	Offset int64  // where its header begins in the stream, bytes
	Size   int    // header and payload, bytes
	CRC    uint32 // as it stands in the header

	Path   []byte // what the command is about; the name of the subvolume in subvol and snapshot
	To     []byte // rename: the new path
	Target []byte // symlink: its text; link: the existing path
	Name   []byte // name of an extended attribute
	Data   []byte // content of write, encoded_write (as compressed) and set_xattr

	UUID     [16]byte // subvol, snapshot: the sent subvolume
	CTransID uint64   // subvol, snapshot: its transaction

	CloneUUID     [16]byte // clone: the source's subvolume; snapshot: the parent
	CloneCTransID uint64   // clone, snapshot: transaction of the above
	ClonePath     []byte
	CloneOffset   uint64
	CloneLen      uint64

	Ino        uint64 // inode number at the source
	FileOffset uint64 // bytes
	Length     uint64 // truncate: new size; update_extent, fallocate: length in bytes
	Mode       uint64 // chmod: permission bits; mknod, mkfifo, mksock: with the file type
	UID, GID   uint64
	Rdev       uint64 // encoded as new_encode_dev of include/linux/kdev_t.h

	ATime, MTime, CTime, OTime Time // OTime is zero in version 1

	FallocateMode uint32 // FALLOC_FL_* of linux/falloc.h; the kernel sends 3 for a punched hole
	FileAttr      uint64 // BTRFS_INODE_* of linux/btrfs_tree.h: the flags of the inode as on disk

	UnencodedFileLen uint64 // encoded_write: bytes of file the data stands for
	UnencodedLen     uint64 // length of the data when decompressed
	UnencodedOffset  uint64 // where in the decompressed data the file's bytes begin
	Compression      uint32 // BTRFS_ENCODED_IO_COMPRESSION_*: 1 zlib, 2 zstd, 3..7 lzo with sectors of 4..64 KiB
	Encryption       uint32 // always 0
}

// IsData reports whether the command moves file content. All other commands are
// the same whenever the same snapshot is sent; these are not, since balance and
// defragmentation cut extents anew.
func (c *Command) IsData() bool {
	switch c.Type { //nolint:exhaustive // the rest is metadata
	case CmdWrite, CmdEncodedWrite, CmdClone, CmdUpdateExtent, CmdFallocate:
		return true
	}
	return false
}

// DataRange returns which bytes of the file at Path a data command is about, end
// excluded. ok is false for a metadata command. Of a command that came from a
// Reader, 0 <= offset <= end.
func (c *Command) DataRange() (offset, end int64, ok bool) {
	if !c.IsData() {
		return 0, 0, false
	}
	return int64(c.FileOffset), int64(c.FileOffset + c.dataLen()), true
}

// dataLen is the number of file bytes a data command covers.
func (c *Command) dataLen() uint64 {
	switch c.Type { //nolint:exhaustive // the rest covers none
	case CmdWrite:
		return uint64(len(c.Data))
	case CmdEncodedWrite:
		return c.UnencodedFileLen
	case CmdClone:
		return c.CloneLen
	case CmdUpdateExtent, CmdFallocate:
		return c.Length
	}
	return 0
}
