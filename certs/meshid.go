package certs

import (
	"bytes"
	"fmt"
)

// MeshID names a mesh for ever: the hash of its genesis record. The zero MeshID
// names none. It compares with ==.
type MeshID [32]byte

// ParseMeshID reads the text of [MeshID.String] in either case.
func ParseMeshID(text string) (MeshID, error) {
	b, err := parseDigest(text)
	if err != nil {
		return MeshID{}, fmt.Errorf("parse mesh ID: %w", err)
	}
	return b, nil
}

// String returns the ID as 52 characters of Crockford's base32.
func (m MeshID) String() string { return crockford.EncodeToString(m[:]) }

// Short returns the first 7 characters of the text, for people.
func (m MeshID) Short() string { return m.String()[:shortText] }

// IsZero reports whether m names no mesh.
func (m MeshID) IsZero() bool { return m == MeshID{} }

// MarshalText implements [encoding.TextMarshaler] with the text of [MeshID.String].
func (m MeshID) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] with [ParseMeshID].
func (m *MeshID) UnmarshalText(text []byte) error {
	parsed, err := ParseMeshID(string(text))
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}

// MarshalBinary implements [encoding.BinaryMarshaler]: the 32 bytes.
func (m MeshID) MarshalBinary() ([]byte, error) { return bytes.Clone(m[:]), nil }

// UnmarshalBinary implements [encoding.BinaryUnmarshaler]: exactly 32 bytes.
func (m *MeshID) UnmarshalBinary(b []byte) error { return fillBytes("mesh ID", m[:], b) }

// parseDigest reads 32 bytes as 52 characters of Crockford's base32.
func parseDigest(text string) ([32]byte, error) {
	digits, err := normalize(text, idDigits, "")
	if err != nil {
		return [32]byte{}, err
	}
	var b [32]byte
	if _, err := crockford.Decode(b[:], []byte(digits)); err != nil {
		return [32]byte{}, err
	}
	if crockford.EncodeToString(b[:]) != digits {
		return [32]byte{}, errMistyped // the last four bits are not zero
	}
	return b, nil
}

func fillBytes(what string, dst, src []byte) error {
	if len(src) != len(dst) {
		return fmt.Errorf("unmarshal %s: %d bytes instead of %d", what, len(src), len(dst))
	}
	copy(dst, src)
	return nil
}
