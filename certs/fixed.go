package certs

import "bytes"

// Byte strings of one exact length. As CBOR they refuse any other length,
// where a plain array would be cut or filled up in silence.
type (
	key32   [32]byte // an Ed25519 public key
	bytes5  [5]byte
	bytes16 [16]byte
	bytes32 [32]byte
)

// MarshalBinary gives the bytes.
func (b key32) MarshalBinary() ([]byte, error) { return bytes.Clone(b[:]), nil }

// UnmarshalBinary takes exactly 32 bytes.
func (b *key32) UnmarshalBinary(p []byte) error { return fillBytes("key", b[:], p) }

// MarshalBinary gives the bytes.
func (b bytes5) MarshalBinary() ([]byte, error) { return bytes.Clone(b[:]), nil }

// UnmarshalBinary takes exactly 5 bytes.
func (b *bytes5) UnmarshalBinary(p []byte) error { return fillBytes("bytes", b[:], p) }

// MarshalBinary gives the bytes.
func (b bytes16) MarshalBinary() ([]byte, error) { return bytes.Clone(b[:]), nil }

// UnmarshalBinary takes exactly 16 bytes.
func (b *bytes16) UnmarshalBinary(p []byte) error { return fillBytes("bytes", b[:], p) }

// MarshalBinary gives the bytes.
func (b bytes32) MarshalBinary() ([]byte, error) { return bytes.Clone(b[:]), nil }

// UnmarshalBinary takes exactly 32 bytes.
func (b *bytes32) UnmarshalBinary(p []byte) error { return fillBytes("bytes", b[:], p) }
