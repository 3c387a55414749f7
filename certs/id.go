package certs

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
)

// ID names an appliance for ever: SHA-256("btrmesh/appliance/v1\0" ‖ Ed25519
// public key). The zero ID names none; no key hashes to it. It compares with ==.
type ID [32]byte

const (
	idDigits  = 52 // 256 bits in base32, the last four bits zero
	idText    = idDigits + 2
	idShift   = 14   // those four bits and two check digits
	idPrime   = 1021 // the largest below 32*32
	shortText = 7
)

// IDOf returns the ID of the appliance that holds the private half of key.
func IDOf(key ed25519.PublicKey) ID {
	h := sha256.New()
	h.Write([]byte("btrmesh/appliance/v1\x00"))
	h.Write(key)
	return ID(h.Sum(nil))
}

// ParseID reads the text of [ID.String] in either case, with O for 0 and I or L
// for 1. It fails on anything else; any one mistyped and any two swapped
// characters are noticed.
func ParseID(text string) (ID, error) {
	digits, err := normalize(text, idText, "")
	if err != nil {
		return ID{}, fmt.Errorf("parse appliance ID: %w", err)
	}
	var id ID
	if _, err := crockford.Decode(id[:], []byte(digits[:idDigits])); err != nil {
		return ID{}, fmt.Errorf("parse appliance ID: %w", err)
	}
	if id.String() != digits {
		return ID{}, fmt.Errorf("parse appliance ID: %w", errMistyped)
	}
	return id, nil
}

// String returns 54 characters: the ID in Crockford's base32 and two check
// digits, chosen so that the whole text, read as one number in base 32, leaves
// 1 when divided by 1021.
func (id ID) String() string {
	c := checksum(id[:], idShift, idPrime)
	return crockford.EncodeToString(id[:]) + string([]byte{alphabet[c>>5], alphabet[c&31]})
}

// Short returns the first 7 characters of the text, enough for a person to tell
// appliances apart (35 bits) and too few to trust.
func (id ID) Short() string { return id.String()[:shortText] }

// IsZero reports whether id names no appliance.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders IDs by their bytes, which is the order of their texts.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// Prefix returns the part of the ID an invite carries.
func (id ID) Prefix() [16]byte { return [16]byte(id[:16]) }

// MarshalText implements [encoding.TextMarshaler] with the text of [ID.String].
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] with [ParseID].
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// MarshalBinary implements [encoding.BinaryMarshaler]: the 32 bytes.
func (id ID) MarshalBinary() ([]byte, error) { return bytes.Clone(id[:]), nil }

// UnmarshalBinary implements [encoding.BinaryUnmarshaler]: exactly 32 bytes.
func (id *ID) UnmarshalBinary(b []byte) error {
	if len(b) != len(id) {
		return fmt.Errorf("unmarshal appliance ID: %d bytes instead of %d", len(b), len(id))
	}
	*id = ID(b)
	return nil
}
