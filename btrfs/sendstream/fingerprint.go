package sendstream

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// Fingerprint is the 128-bit FNV-1a hash over the headers of
// commands, whose checksums stand for the rest of them; the high half is first.
// It finds accidents, such as deduplication at the source, and not a lying
// sender. It costs less than half of SHA-256, and is all the state it
// takes to go on.
type Fingerprint [2]uint64

// fingerprintOfNothing is the offset basis of FNV-1a.
var fingerprintOfNothing = Fingerprint{0x6c62272e07bb0142, 0x62b821756295c58d}

// with is the fingerprint after one more command.
func (f Fingerprint) with(c *Command) Fingerprint {
	var h [commandHeaderSize]byte
	binary.LittleEndian.PutUint32(h[:], uint32(c.Size-commandHeaderSize))
	binary.LittleEndian.PutUint16(h[4:], uint16(c.Type))
	binary.LittleEndian.PutUint32(h[6:], c.CRC)
	high, low := f[0], f[1]
	for _, b := range h { // times the prime 2^88 + 0x13b, modulo 2^128
		low ^= uint64(b)
		carry, product := bits.Mul64(low, 0x13b)
		high, low = high*0x13b+low<<24+carry, product
	}
	return Fingerprint{high, low}
}

// fileOf is a number that tells files apart by their paths.
func fileOf(path []byte) uint64 {
	sum := sha256.Sum256(path)
	return binary.BigEndian.Uint64(sum[:])
}
