package gossip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"btrmesh/certs"
)

// A batch carries records from one member to its neighbours, as a user message
// of memberlist:
//
//	u8 version = 1, sender's ID (32 bytes), then per record u16 big-endian
//	length, 1..MaxRecord, and as many bytes
//
// It fits into one packet, beside nothing else if need be. A batch of another
// version is ignored.
const (
	batchVersion = 1
	batchHeader  = 1 + len(certs.ID{})
	recordHeader = 2

	// MaxRecord is the size of the largest record that is broadcast, in bytes.
	MaxRecord = 1024

	// maxBatch is what memberlist has left for a user message in a packet with
	// nothing else: its buffer less 2 bytes of a compound, 2 per part, 1 of type.
	maxBatch = packetBuffer - 5
)

var errBatch = errors.New("malformed batch of records")

// cutBatches cuts records, each of 1..MaxRecord bytes, into as few batches as
// their order allows.
func cutBatches(sender certs.ID, records [][]byte) (out [][]byte) {
	var b []byte
	for _, r := range records {
		if b != nil && len(b)+recordHeader+len(r) > maxBatch {
			out, b = append(out, b), nil
		}
		if b == nil {
			b = append(append(make([]byte, 0, maxBatch), batchVersion), sender[:]...)
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(r)))
		b = append(b, r...)
	}
	if b != nil {
		out = append(out, b)
	}
	return out
}

// parseBatch returns the sender a batch claims, and its records, which are
// parts of b.
func parseBatch(b []byte) (sender certs.ID, records [][]byte, err error) {
	if len(b) < batchHeader || b[0] != batchVersion {
		return certs.ID{}, nil, fmt.Errorf("%w: header", errBatch)
	}
	copy(sender[:], b[1:batchHeader])
	for b = b[batchHeader:]; len(b) > 0; {
		if len(b) < recordHeader {
			return certs.ID{}, nil, fmt.Errorf("%w: length of a record", errBatch)
		}
		n := int(binary.BigEndian.Uint16(b))
		b = b[recordHeader:]
		if n == 0 || n > MaxRecord || n > len(b) {
			return certs.ID{}, nil, fmt.Errorf("%w: record of %d bytes in %d", errBatch, n, len(b))
		}
		records = append(records, slices.Clip(b[:n]))
		b = b[n:]
	}
	return sender, records, nil
}
