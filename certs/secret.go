package certs

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "(secret)"

// Secret is the part of an invite that only its two appliances know. Printed,
// logged or put into JSON it reads "(secret)"; as a field that is not exported,
// fmt would show it.
type Secret [16]byte

// ProofKey is what is left of a [Secret] at the inviter. It suffices to redeem
// the invite, so it is as secret, and is wiped when the invite ends.
type ProofKey [32]byte

// Format implements [fmt.Formatter], for all verbs but %T and %p.
func (Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue implements [slog.LogValuer].
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler]; there is no way back.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format implements [fmt.Formatter], for all verbs but %T and %p.
func (ProofKey) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue implements [slog.LogValuer].
func (ProofKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler]; there is no way back. CBOR
// stores the bytes.
func (ProofKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }
