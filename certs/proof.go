package certs

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"fmt"
)

// exporterLabel and exporterSize follow RFC 8446 section 7.5.
const (
	exporterLabel = "EXPORTER-btrmesh-pair-v1"
	exporterSize  = 32
)

// ExportPairing returns the 32 bytes that only the two ends of this very
// connection know, for the invite of that id. Proofs over them are worthless on
// any other connection, so nobody in the middle can pass them on.
func ExportPairing(cs tls.ConnectionState, inviteID [5]byte) ([]byte, error) {
	b, err := cs.ExportKeyingMaterial(exporterLabel, inviteID[:], exporterSize)
	if err != nil {
		return nil, fmt.Errorf("export pairing key: %w", err)
	}
	return b, nil
}

// Joiner returns the joiner's proof that it holds the secret:
// HMAC-SHA256(key, "joiner" ‖ exporter ‖ joiner ‖ inviter).
func (k ProofKey) Joiner(exporter []byte, joiner, inviter ID) [32]byte {
	return k.proof("joiner", exporter, joiner, inviter)
}

// Inviter returns the inviter's proof in answer:
// HMAC-SHA256(key, "inviter" ‖ exporter ‖ inviter ‖ joiner).
func (k ProofKey) Inviter(exporter []byte, inviter, joiner ID) [32]byte {
	return k.proof("inviter", exporter, inviter, joiner)
}

func (k ProofKey) proof(role string, exporter []byte, from, to ID) [32]byte {
	h := hmac.New(sha256.New, k[:])
	h.Write([]byte(role))
	h.Write(exporter)
	h.Write(from[:])
	h.Write(to[:])
	return [32]byte(h.Sum(nil))
}

// Equal compares two proofs in constant time.
func Equal(a, b [32]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }
