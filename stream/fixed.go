package stream

import "fmt"

// Byte strings of one exact length. As CBOR they refuse any other length,
// where a plain array would be cut or filled up in silence.
type (
	bytes5  [5]byte
	bytes16 [16]byte
	bytes32 [32]byte
)

// MarshalBinary gives the bytes.
func (b bytes5) MarshalBinary() ([]byte, error) { return b[:], nil }

// UnmarshalBinary takes exactly 5 bytes.
func (b *bytes5) UnmarshalBinary(p []byte) error { return fill(b[:], p) }

// MarshalBinary gives the bytes.
func (b bytes16) MarshalBinary() ([]byte, error) { return b[:], nil }

// UnmarshalBinary takes exactly 16 bytes.
func (b *bytes16) UnmarshalBinary(p []byte) error { return fill(b[:], p) }

// MarshalBinary gives the bytes.
func (b bytes32) MarshalBinary() ([]byte, error) { return b[:], nil }

// UnmarshalBinary takes exactly 32 bytes.
func (b *bytes32) UnmarshalBinary(p []byte) error { return fill(b[:], p) }

func fill(dst, src []byte) error {
	if len(src) != len(dst) {
		return fmt.Errorf("%d bytes where %d belong", len(src), len(dst))
	}
	copy(dst, src)
	return nil
}
