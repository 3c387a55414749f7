package sendstream

import "hash/crc32"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// commandCRC is the checksum of a whole command, its own field taken as zero.
// The kernel starts at 0 and does not invert, unlike hash/crc32, hence the two
// complements.
func commandCRC(raw []byte) uint32 {
	var zero [4]byte
	sum := crc32.Update(^uint32(0), castagnoli, raw[:6])
	sum = crc32.Update(sum, castagnoli, zero[:])
	return ^crc32.Update(sum, castagnoli, raw[commandHeaderSize:])
}
