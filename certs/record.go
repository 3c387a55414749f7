package certs

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"
)

// Record is one verified, signed statement about who belongs to a mesh. It is
// an immutable value, kept and passed on as the very bytes it came in. The zero
// Record is none.
type Record struct {
	raw  []byte
	hash RecordHash
	head header
	id   ID  // of the issuer
	body any // GenesisBody, AdmitBody, RevokeBody, Description; nil if of an unknown kind
}

// ErrSignature says that a record is not signed by whom it names.
var ErrSignature = errors.New("signature does not verify")

// ParseRecord verifies raw as one record: at most 1 KiB, in canonical form,
// signed by its issuer and, where a second key has to agree, by that; names,
// addresses and sizes in bounds. It copies raw. Unknown fields and kinds pass. The error wraps
// [ErrSignature] where a signature is wrong.
func ParseRecord(raw []byte) (Record, error) {
	r, e, err := parseSigned(raw)
	if err == nil {
		err = r.verifyConsent(e)
	}
	if err != nil {
		return Record{}, fmt.Errorf("parse record: %w", err)
	}
	return r, nil
}

// parseSigned checks all of a record but its consent.
func parseSigned(raw []byte) (Record, envelope, error) {
	e, err := openEnvelope(raw)
	if err != nil {
		return Record{}, e, err
	}
	r := Record{raw: bytes.Clone(raw), hash: e.hash()}
	if r.head, err = e.decodeHeader(); err != nil {
		return Record{}, e, err
	}
	r.id = IDOf(r.head.Issuer[:])
	if r.body, err = decodeBody(r.head, r.id, e.payload); err != nil {
		return Record{}, e, fmt.Errorf("%s by %s: %w", r.head.Kind, r.id.Short(), err)
	}
	if !ed25519.Verify(r.head.Issuer[:], signedMessage(r.head.Mesh, e.payload), e.signature) {
		return Record{}, e, fmt.Errorf("%s by %s: %w", r.head.Kind, r.id.Short(), ErrSignature)
	}
	return r, e, nil
}

func (r Record) verifyConsent(e envelope) error {
	second := r.head.Cosigner
	switch {
	case second == nil && e.consent == nil:
		return nil
	case second == nil:
		return fmt.Errorf("%s by %s: a consent nobody is asked for", r.head.Kind, r.id.Short())
	case e.consent == nil:
		return fmt.Errorf("%s by %s: no consent", r.head.Kind, r.id.Short())
	}
	if !ed25519.Verify(second[:], consentMessage(r.head.Mesh, r.hash), e.consent) {
		return fmt.Errorf("%s by %s: consent: %w", r.head.Kind, r.id.Short(), ErrSignature)
	}
	return nil
}

// Bytes returns the record as it is stored and sent; the caller owns it.
func (r Record) Bytes() []byte { return bytes.Clone(r.raw) }

// Size is the length of the bytes.
func (r Record) Size() int { return len(r.raw) }

// Hash names the record.
func (r Record) Hash() RecordHash { return r.hash }

// Kind says what the record states.
func (r Record) Kind() RecordKind { return r.head.Kind }

// Mesh is the mesh the record is about; of a genesis, its own hash.
func (r Record) Mesh() MeshID {
	if r.head.Kind == Genesis {
		return MeshID(r.hash)
	}
	return r.head.Mesh
}

// Issuer is who signed the record.
func (r Record) Issuer() ID { return r.id }

// IssuerKey is the key it was signed with; the caller owns it.
func (r Record) IssuerKey() ed25519.PublicKey { return bytes.Clone(r.head.Issuer[:]) }

// At is the issuer's wall clock when it signed, in UTC to the millisecond, from
// 1970 to 9999. Clocks are wrong and may lie: for people only.
func (r Record) At() time.Time { return time.UnixMilli(r.head.At).UTC() }

// Genesis returns what a genesis record states; false if r is none.
func (r Record) Genesis() (GenesisBody, bool) {
	b, ok := r.body.(GenesisBody)
	return b.clone(), ok
}

// Admit returns what an admit record states; false if r is none.
func (r Record) Admit() (AdmitBody, bool) {
	b, ok := r.body.(AdmitBody)
	return b.clone(), ok
}

// Revoke returns what a revoke record states; false if r is none.
func (r Record) Revoke() (RevokeBody, bool) {
	b, ok := r.body.(RevokeBody)
	return b.clone(), ok
}

// Describe returns what a describe record states; false if r is none.
func (r Record) Describe() (Description, bool) {
	b, ok := r.body.(Description)
	return b.clone(), ok
}

// Equal reports whether both are the same bytes.
func (r Record) Equal(other Record) bool { return bytes.Equal(r.raw, other.raw) }

// String names the record for people.
func (r Record) String() string {
	return fmt.Sprintf("%s %s by %s", r.head.Kind, r.hash.Short(), r.id.Short())
}
