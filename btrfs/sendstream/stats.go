package sendstream

// Kind sums the commands of one type.
type Kind struct {
	Commands int
	Bytes    int64 // headers and payloads
}

// Stats sums a stream, real or sent with BTRFS_SEND_FLAG_NO_FILE_DATA. The zero
// value is the sum of nothing.
type Stats struct {
	Version   uint32
	Bytes     int64           // of the whole stream, its header included
	Commands  int             // end included
	Kinds     [typeCount]Kind // by Type
	DataBytes int64           // file content: of write, of encoded_write when decoded, and of update_extent

	UpdateExtentBytes int64 // the part of DataBytes that update_extent stands for

	// writeOverhead is what surrounds the content of update_extent when it is sent
	// as writes of version 1 and of version 2, bytes.
	writeOverhead [2]int64
}

// Add counts one command.
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
		for i := range s.writeOverhead {
			s.writeOverhead[i] += writeOverhead(uint32(i+1), len(c.Path), int64(c.Length))
		}
	}
}

// Sizes in bytes of what the kernel writes around file content.
const (
	attrHeaderSize = 4 // type and length

	// A write brings at most BTRFS_SEND_BUF_SIZE less 16 KiB: max_send_read_size in
	// fs/btrfs/send.c. A page size of 64 KiB would make it 176 KiB in version 2; the
	// error of an estimate stays below 0.1 % either way.
	writeChunkV1 = 48 << 10
	writeChunkV2 = 128 << 10

	// otimeSize is what utimes grew by in version 2.
	otimeSize = attrHeaderSize + 12
)

// writeOverhead is the size of the writes that bring length bytes of a file,
// without these bytes.
func writeOverhead(version uint32, pathLen int, length int64) int64 {
	chunk, dataHeader := int64(writeChunkV1), int64(attrHeaderSize)
	if version >= 2 {
		chunk, dataHeader = writeChunkV2, 2 // no length
	}
	each := commandHeaderSize + attrHeaderSize + int64(pathLen) + attrHeaderSize + 8 + dataHeader
	return (length + chunk - 1) / chunk * each
}

// EstimateBytes predicts, from the sums of a NO_FILE_DATA stream of any version,
// how long the real stream of the given version will be. The result is exact on
// kernels with pages of 4 KiB as long as extents are sent uncompressed; when
// compressed extents are sent as they are, it is an upper bound. Data that was
// counted is taken as it is.
func (s *Stats) EstimateBytes(version uint32) int64 {
	n := s.Bytes - s.Kinds[CmdUpdateExtent].Bytes + s.UpdateExtentBytes
	utimes := int64(s.Kinds[CmdUtimes].Commands) * otimeSize
	if version >= 2 && s.Version < 2 {
		n += utimes
	}
	if version < 2 && s.Version >= 2 {
		n -= utimes
	}
	return n + s.writeOverhead[min(max(version, 1), 2)-1]
}
