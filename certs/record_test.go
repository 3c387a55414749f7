package certs

import (
	"crypto/ed25519"
	"crypto/sha256"
	"strconv"
	"testing"
	"time"
)

var testTime = time.Date(2026, 11, 23, 9, 41, 0, 0, time.UTC)

// numbered returns the same identity for the same number, always.
func numbered(tb testing.TB, n int) *Identity {
	tb.Helper()
	seed := sha256.Sum256([]byte("test identity " + strconv.Itoa(n)))
	i, err := newIdentity(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		tb.Fatal(err)
	}
	return i
}

func TestParsedRecordSaysWhatWasSigned(t *testing.T) {
	a, b := numbered(t, 1), numbered(t, 2)
	g, err := a.Genesis("nas-a", testTime)
	if err != nil {
		t.Fatal(err)
	}
	ad, err := a.Admit(g.Mesh(), b.PublicKey(), "nas-b", [5]byte{1, 2}, [16]byte{3}, testTime)
	if err != nil {
		t.Fatal(err)
	}
	consent, err := b.Consent(ad)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ad.With(consent)
	if err != nil {
		t.Fatal(err)
	}
	s := NewRecordSet(MeshID{})
	added, err := s.Add(r, g)
	if err != nil || len(added) != 2 {
		t.Fatal(added, err)
	}
	m := Fold(s, Decisions{})
	if len(m.Members) != 2 || m.Members[b.ID()].AdmittedBy != a.ID() {
		t.Fatalf("%+v", m)
	}
}
