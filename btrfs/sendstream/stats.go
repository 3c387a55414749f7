package sendstream

// Kind sums the commands of one type.
type Kind struct {
	Commands int
	Bytes    int64 // headers and payloads
}

// Stats sums a stream, real or sent with BTRFS_SEND_FLAG_NO_FILE_DATA. The zero
// value is the sum of nothing. What update_extent adds to DataBytes is a claim
// only: the length of the stream does not bound it.
type Stats struct {
	Version   uint32
	Bytes     int64           // of the whole stream, its header included
	Skipped   int64           // the part of Bytes that CopyFrom left out
	Commands  int             // end included
	Kinds     [typeCount]Kind // by Type
	DataBytes int64           // file content: of write, of encoded_write when decoded, and of update_extent

	UpdateExtentBytes int64 // the part of DataBytes that update_extent stands for

	// The commands that stand for content, when sent as writes of version 1 or 2:
	// how much longer than now.
	growth [2]int64
}

// Add counts a command that a Reader filled.
func (s *Stats) Add(c *Command) {
	s.Commands++
	s.Bytes += int64(c.Size)
	s.Kinds[c.Type].Commands++
	s.Kinds[c.Type].Bytes += int64(c.Size)
	switch c.Type { //nolint:exhaustive // the rest brings no content
	case CmdWrite, CmdEncodedWrite:
		s.DataBytes += int64(c.dataLen())
	case CmdUpdateExtent:
		s.DataBytes += int64(c.Length)
		s.UpdateExtentBytes += int64(c.Length)
		s.growth[0] += writeSize(1, len(c.Path), int64(c.Length)) - int64(c.Size)
		s.growth[1] += writeSize(2, len(c.Path), int64(c.Length)) - int64(c.Size)
	case CmdFallocate: // punches a hole; version 1 writes zeros instead
		s.growth[0] += writeSize(1, len(c.Path), int64(c.Length)) - int64(c.Size)
	}
}

// Sizes in bytes of what the kernel writes around file content.
const (
	attrHeaderSize = 4 // type and length

	// A write brings at most BTRFS_SEND_BUF_SIZE less 16 KiB: max_send_read_size in
	// fs/btrfs/send.c. With pages of 64 KiB it is 176 KiB in version 2; the error
	// stays below 0.1 % either way.
	writeChunkV1 = 48 << 10
	writeChunkV2 = 128 << 10

	// otimeSize is what utimes grew by in version 2.
	otimeSize = attrHeaderSize + 12
)

// writeSize is the size of the writes that bring length bytes of a file.
func writeSize(version uint32, pathLen int, length int64) int64 {
	chunk, dataHeader := int64(writeChunkV1), int64(attrHeaderSize)
	if version >= 2 {
		chunk, dataHeader = writeChunkV2, 2 // no length
	}
	each := commandHeaderSize + attrHeaderSize + int64(pathLen) + attrHeaderSize + 8 + dataHeader
	chunks := length/chunk + min(length%chunk, 1)
	return length + chunks*each
}

// EstimateBytes predicts, from the sums of a NO_FILE_DATA stream, how long the
// real stream of the given version will be.
//
// It is exact with pages of 4 KiB when both streams have one version and extents
// are sent uncompressed. It is an upper bound when compressed extents are sent as
// they are, unless tiny ones shrank by less than the 52 bytes that an
// encoded_write is longer than a write. From 1 to 2 it is high where newer
// kernels punch a hole that version 1 fills with zeros, and low by the few
// commands for changed inode flags, which version 1 lacks. Content that was
// really sent is counted as it is.
func (s *Stats) EstimateBytes(version uint32) int64 {
	n := s.Bytes
	utimes := int64(s.Kinds[CmdUtimes].Commands) * otimeSize
	if version >= 2 {
		if s.Version < 2 {
			n += utimes
		}
		return n + s.growth[1]
	}
	if s.Version >= 2 {
		n -= utimes + s.Kinds[CmdFileattr].Bytes
	}
	return n + s.growth[0]
}
