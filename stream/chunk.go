package stream

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A lane is a unidirectional stream from source to target:
//
//	u8 protocol version, u8 kind = lane, token [16], u32 serial of the lane in its session, from 0
//
// then chunks until the stream ends:
//
//	u64 number, from 0, ascending on a lane, each once on all lanes together
//	u8  encoding: 0 raw, 1 zstd
//	u32 raw length, 1..maxChunk
//	u32 encoded length, 1..raw length, equal to it if raw
//	u32 CRC32C of the raw bytes
//	payload
//
// All numbers are big endian.
const (
	laneHead  = 2 + 16 + 4
	chunkHead = 8 + 1 + 4 + 4 + 4
	maxChunk  = 1 << 20
)

// encoding says how a chunk's payload is packed.
type encoding uint8

const (
	encodingRaw  encoding = 0
	encodingZstd encoding = 1
)

// chunkHeader describes the payload that follows it.
type chunkHeader struct {
	number   uint64
	encoding encoding
	raw      int // bytes
	encoded  int // bytes
	sum      uint32
}

// appendChunkHeader adds h to dst.
func appendChunkHeader(dst []byte, h chunkHeader) []byte {
	dst = binary.BigEndian.AppendUint64(dst, h.number)
	dst = append(dst, byte(h.encoding))
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.raw))
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.encoded))
	return binary.BigEndian.AppendUint32(dst, h.sum)
}

// parseChunkHeader reads the first chunkHead bytes of b. The error wraps
// ErrBadStream.
func parseChunkHeader(b []byte) (chunkHeader, error) {
	if len(b) < chunkHead {
		return chunkHeader{}, fmt.Errorf("chunk header of %d bytes: %w", len(b), ErrBadStream)
	}
	raw, encoded := binary.BigEndian.Uint32(b[9:]), binary.BigEndian.Uint32(b[13:])
	kind := encoding(b[8])
	switch {
	case kind != encodingRaw && kind != encodingZstd:
		return chunkHeader{}, fmt.Errorf("chunk encoding %d: %w", kind, ErrBadStream)
	case raw < 1 || raw > maxChunk:
		return chunkHeader{}, fmt.Errorf("chunk of %d bytes: %w", raw, ErrBadStream)
	case encoded < 1 || encoded > raw || kind == encodingRaw && encoded != raw:
		return chunkHeader{}, fmt.Errorf("chunk of %d bytes encoded in %d: %w", raw, encoded, ErrBadStream)
	}
	return chunkHeader{
		number: binary.BigEndian.Uint64(b), encoding: kind,
		raw: int(raw), encoded: int(encoded), sum: binary.BigEndian.Uint32(b[17:]),
	}, nil
}

// laneHeader is what a lane of the session begins with.
func laneHeader(token bytes16, serial uint32) []byte {
	b := append(make([]byte, 0, laneHead), protocolVersion, byte(kindLane))
	return binary.BigEndian.AppendUint32(append(b, token[:]...), serial)
}

// castagnoli is CRC32C, computed by the processor where it can. MakeTable
// builds the table once and returns the same one ever after.
func castagnoli(b []byte) uint32 {
	return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
}
