package certs

import (
	"errors"
	"fmt"
	"time"
)

// Admission is an admit record that its issuer signed and its subject did not
// yet. It is an immutable value; the zero Admission is none.
type Admission struct {
	record Record // its bytes lack the consent
	body   AdmitBody
}

// ParseAdmission verifies raw as [Admission.Bytes]: all that [ParseRecord]
// checks but the consent, which must be absent.
func ParseAdmission(raw []byte) (Admission, error) {
	r, e, err := parseSigned(raw)
	if err != nil {
		return Admission{}, fmt.Errorf("parse admission: %w", err)
	}
	body, ok := r.body.(AdmitBody)
	switch {
	case !ok:
		return Admission{}, fmt.Errorf("parse admission: it is a %s", r.Kind())
	case e.consent != nil:
		return Admission{}, errors.New("parse admission: it has its consent already")
	}
	return Admission{record: r, body: body}, nil
}

// With returns the record, complete with the subject's consent. The error wraps
// [ErrSignature] if that is of another key or for another admission.
func (a Admission) With(consent [64]byte) (Record, error) {
	e, err := openEnvelope(a.record.raw)
	if err != nil {
		return Record{}, fmt.Errorf("complete admission: %w", err)
	}
	e.consent = consent[:]
	raw, err := e.seal()
	if err != nil {
		return Record{}, fmt.Errorf("complete admission: %w", err)
	}
	r, err := ParseRecord(raw)
	if err != nil {
		return Record{}, fmt.Errorf("complete admission: %w", err)
	}
	return r, nil
}

// Bytes returns the admission as it is stored and sent; the caller owns it.
func (a Admission) Bytes() []byte { return a.record.Bytes() }

// Hash is what the subject consents to, and the hash of the record to come.
func (a Admission) Hash() RecordHash { return a.record.Hash() }

// Mesh is the mesh the subject is let into.
func (a Admission) Mesh() MeshID { return a.record.Mesh() }

// Issuer is who lets it in.
func (a Admission) Issuer() ID { return a.record.Issuer() }

// At is the issuer's wall clock, as in [Record.At].
func (a Admission) At() time.Time { return a.record.At() }

// Admit returns what is stated.
func (a Admission) Admit() AdmitBody { return a.body.clone() }
