package certs

import (
	"bytes"
	"fmt"
)

// RecordHash names a record by its content: SHA-256 of the signed payload. The
// zero RecordHash names none. It compares with ==.
type RecordHash [32]byte

// ParseRecordHash reads the text of [RecordHash.String] in either case.
func ParseRecordHash(text string) (RecordHash, error) {
	b, err := parseDigest(text)
	if err != nil {
		return RecordHash{}, fmt.Errorf("parse record hash: %w", err)
	}
	return b, nil
}

// String returns the hash as 52 characters of Crockford's base32.
func (h RecordHash) String() string { return crockford.EncodeToString(h[:]) }

// Short returns the first 7 characters of the text, for people.
func (h RecordHash) Short() string { return h.String()[:shortText] }

// Compare orders hashes by their bytes.
func (h RecordHash) Compare(other RecordHash) int { return bytes.Compare(h[:], other[:]) }

// MarshalText implements [encoding.TextMarshaler] with the text of [RecordHash.String].
func (h RecordHash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] with [ParseRecordHash].
func (h *RecordHash) UnmarshalText(text []byte) error {
	parsed, err := ParseRecordHash(string(text))
	if err != nil {
		return err
	}
	*h = parsed
	return nil
}

// MarshalBinary implements [encoding.BinaryMarshaler]: the 32 bytes.
func (h RecordHash) MarshalBinary() ([]byte, error) { return bytes.Clone(h[:]), nil }

// UnmarshalBinary implements [encoding.BinaryUnmarshaler]: exactly 32 bytes.
func (h *RecordHash) UnmarshalBinary(b []byte) error { return fillBytes("record hash", h[:], b) }
