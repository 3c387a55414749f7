package certs

import (
	"crypto/ed25519"
	"crypto/sha256"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// world makes the records of one mesh. Appliances are called by one letter or
// word, and each name has the same key always.
type world struct {
	tb      testing.TB
	genesis Record
	keys    map[string]*Identity
	made    map[string]Record
	names   map[ID]string
}

// newWorld is a mesh founded by a.
func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{tb: tb, keys: map[string]*Identity{}, made: map[string]Record{}, names: map[ID]string{}}
	w.genesis = w.must(w.key("a").Genesis("a", noon))
	return w
}

func (w *world) key(name string) *Identity {
	w.tb.Helper()
	if w.keys[name] == nil {
		seed := sha256.Sum256([]byte("key of " + name))
		i, err := newIdentity(ed25519.NewKeyFromSeed(seed[:]))
		if err != nil {
			w.tb.Fatal(err)
		}
		w.keys[name], w.names[i.ID()] = i, name
	}
	return w.keys[name]
}

func (w *world) id(name string) ID { return w.key(name).ID() }

func (w *world) mesh() MeshID { return w.genesis.Mesh() }

func (w *world) must(r Record, err error) Record {
	w.tb.Helper()
	if err != nil {
		w.tb.Fatal(err)
	}
	return r
}

// admit is the one admission of subject by issuer.
func (w *world) admit(issuer, subject string) Record {
	w.tb.Helper()
	key := issuer + " admits " + subject
	if _, ok := w.made[key]; !ok {
		w.made[key] = w.admitAt(issuer, subject, noon)
	}
	return w.made[key]
}

func (w *world) admitAt(issuer, subject string, at time.Time) Record {
	w.tb.Helper()
	a, err := w.key(issuer).Admit(w.mesh(), w.key(subject).PublicKey(), subject, [5]byte{1}, [16]byte{2}, at)
	if err != nil {
		w.tb.Fatal(err)
	}
	consent, err := w.key(subject).Consent(a)
	if err != nil {
		w.tb.Fatal(err)
	}
	return w.must(a.With(consent))
}

// revoke is a revocation of subject that keeps its admissions of some.
func (w *world) revoke(issuer, subject string, keeps ...string) Record {
	w.tb.Helper()
	reason := Removed
	if issuer == subject {
		reason = Left
	}
	hashes := make([]RecordHash, len(keeps))
	for i, kept := range keeps {
		hashes[i] = w.admit(subject, kept).Hash()
	}
	records, err := w.key(issuer).Revoke(w.mesh(), w.id(subject), reason, hashes, noon)
	if err != nil || len(records) != 1 {
		w.tb.Fatal(len(records), err)
	}
	return records[0]
}

func (w *world) describe(issuer string, seq uint64, name string) Record {
	w.tb.Helper()
	return w.must(w.key(issuer).Describe(w.mesh(), Description{Seq: seq, Name: name, ProtocolMax: 1}, noon))
}

// set holds the genesis and some records.
func (w *world) set(records ...Record) *RecordSet {
	w.tb.Helper()
	s := NewRecordSet(w.mesh())
	if _, err := s.Add(append([]Record{w.genesis}, records...)...); err != nil {
		w.tb.Fatal(err)
	}
	return s
}
