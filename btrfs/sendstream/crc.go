package sendstream

import "hash/crc32"

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	openCRC    [4]byte // the checksum's own field while it is computed; a local array would be allocated
)

// commandCRC is the checksum of a whole command, its own field taken as zero.
// The kernel starts at 0 and does not invert, unlike hash/crc32, hence the two
// complements.
func commandCRC(raw []byte) uint32 {
	sum := crc32.Update(^uint32(0), castagnoli, raw[:6])
	sum = crc32.Update(sum, castagnoli, openCRC[:])
	return ^crc32.Update(sum, castagnoli, raw[commandHeaderSize:])
}
