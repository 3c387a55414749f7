package certs

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestSetTakesItsMeshFromTheGenesis(t *testing.T) {
	w := newWorld(t)
	s := NewRecordSet(MeshID{})
	var other *MeshError
	if _, err := s.Add(w.admit("a", "b")); !errors.As(err, &other) || !other.Want.IsZero() {
		t.Errorf("took a record without a mesh: %v", err)
	}
	added, err := s.Add(w.admit("a", "b"), w.genesis)
	if err != nil || len(added) != 2 || added[0].Kind() != Genesis || s.Mesh() != w.mesh() || s.Founder() != w.id("a") {
		t.Errorf("added %v: %v", added, err)
	}
}

func TestRecordsOfAnotherMeshAreRefused(t *testing.T) {
	w, x := newWorld(t), newWorld(t)
	s := w.set()
	added, err := s.Add(x.genesis, x.admit("a", "c"), w.admit("a", "b"))
	var other *MeshError
	if !errors.As(err, &other) || other.Got != x.mesh() || other.Want != w.mesh() {
		t.Errorf("error %v", err)
	}
	if len(added) != 1 || s.Len() != 2 {
		t.Errorf("added %v", added)
	}
}

func TestSetHasEachRecordOnce(t *testing.T) {
	w := newWorld(t)
	s := w.set(w.admit("a", "b"))
	added, err := s.AddBytes(w.admit("a", "b").Bytes(), w.genesis.Bytes(), w.describe("b", 1, "b").Bytes())
	if err != nil || len(added) != 1 || s.Len() != 3 {
		t.Errorf("added %v: %v", added, err)
	}
	size := 0
	for _, r := range s.All() {
		size += r.Size()
	}
	if s.Size() != size {
		t.Errorf("size %d, in sum %d", s.Size(), size)
	}
}

func TestBadBytesDoNotStopGoodOnes(t *testing.T) {
	w := newWorld(t)
	s := w.set()
	added, err := s.AddBytes([]byte("junk"), w.admit("a", "b").Bytes())
	if err == nil || len(added) != 1 {
		t.Errorf("added %v: %v", added, err)
	}
}

func TestNewestDescriptionStays(t *testing.T) {
	w := newWorld(t)
	one, two := w.describe("a", 5, "one"), w.describe("a", 5, "two")
	if one.Hash().Compare(two.Hash()) > 0 {
		one, two = two, one
	}
	three := w.describe("a", 6, "three")
	for _, order := range [][]Record{{one, two, three}, {three, two, one}, {two, three, one}} {
		s := w.set()
		for _, r := range order {
			if _, err := s.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		if !s.Has(three.Hash()) || s.Len() != 2 || s.Size() != w.genesis.Size()+three.Size() {
			t.Errorf("%d records of %d bytes", s.Len(), s.Size())
		}
	}
	s := w.set(one)
	if added, _ := s.Add(two); len(added) != 1 || s.Has(one.Hash()) {
		t.Error("of equal numbers the smaller hash stayed")
	}
	if added, _ := s.Add(one); len(added) != 0 {
		t.Error("of equal numbers the smaller hash came back")
	}
}

func TestRecordsOfAStrangerWaitForItsAdmission(t *testing.T) {
	w := newWorld(t)
	s := w.set()
	digest := s.Digest()
	if added, err := s.Add(w.tell("b+c c-d c+d")...); err != nil || len(added) != 0 {
		t.Fatalf("added %v: %v", added, err)
	}
	if s.Digest() != digest || s.Len() != 1 || s.Has(w.admit("b", "c").Hash()) || s.Knows(w.id("c")) {
		t.Error("a stranger's records show")
	}
	added, err := s.Add(w.admit("a", "b"))
	if err != nil || len(added) != 4 || !s.Knows(w.id("d")) {
		t.Errorf("added %v: %v", added, err)
	}
	if len(s.waiting) != 0 {
		t.Errorf("%d wait on", len(s.waiting))
	}
}

func TestStrangersTakeLittleRoomAndTheOldestGiveWay(t *testing.T) {
	w := newWorld(t)
	s := w.set()
	for n := range 600 {
		if _, err := s.Add(w.fake("x", Admit, n, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Add(w.admit("b", "c")); err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, r := range s.waiting {
		size += r.Size()
	}
	if size > waitingBytes || size < waitingBytes/2 {
		t.Errorf("%d bytes wait", size)
	}
	if added, _ := s.Add(w.admit("a", "b")); len(added) != 2 {
		t.Errorf("added %v: the youngest was lost", added)
	}
}

// fake is a record that nobody signed, for room alone.
func (w *world) fake(issuer string, kind RecordKind, n, size int) Record {
	r := Record{
		raw:  make([]byte, size),
		hash: sha256.Sum256(binary.AppendUvarint([]byte(issuer), uint64(n))),
		head: header{Kind: kind, Mesh: w.mesh()}, id: w.id(issuer),
	}
	if kind == Revoke {
		r.body = RevokeBody{Subject: ID(r.hash), Reason: Lost}
	}
	return r
}

// flood adds fakes until one is refused, and returns how many were taken.
func (w *world) flood(s *RecordSet, issuer string, kind RecordKind, size int) (int, *IntakeError) {
	w.tb.Helper()
	for n := range 2 * issuerRecords {
		var full *IntakeError
		if _, err := s.Add(w.fake(issuer, kind, n, size)); errors.As(err, &full) {
			return n, full
		}
	}
	return 2 * issuerRecords, nil
}

func TestOneIssuerFillsItsShareAlone(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		size, want int
		limit      string
	}{{10, issuerRecords - 1, "records"}, {1000, issuerBytes / 1000, "bytes"}} {
		s := w.set(w.admit("a", "b"), w.describe("b", 1, "b"))
		n, err := w.flood(s, "b", 100, c.size)
		if err == nil || err.Issuer != w.id("b") || !strings.HasPrefix(err.Limit, c.limit) || n > c.want || n < c.want-1 {
			t.Errorf("%d of %d bytes: %v", n, c.size, err)
		}
		if added, err := s.Add(w.admit("a", "c"), w.revoke("a", "b")); len(added) != 2 {
			t.Errorf("another's were refused: %v", err)
		}
		if added, err := s.Add(w.describe("b", 2, "b")); c.limit == "records" && len(added) != 1 {
			t.Errorf("a newer description was refused: %v", err)
		}
	}
}

func TestRevocationsHaveRoomInAFullSet(t *testing.T) {
	w := newWorld(t)
	s := w.set(w.tell("a+b a+c a+d a+e")...)
	for _, issuer := range []string{"b", "c", "d"} {
		if n, err := w.flood(s, issuer, 100, 1000); err == nil {
			t.Fatalf("%s filled in %d records", issuer, n)
		}
	}
	_, full := w.flood(s, "e", 100, 1000)
	if full == nil || full.Limit != "bytes in all" {
		t.Fatalf("not full: %v", full)
	}
	if added, err := s.Add(w.revoke("a", "b")); len(added) != 1 {
		t.Errorf("a revocation was refused: %v", err)
	}
	if n, err := w.flood(s, "e", Revoke, 1000); n != issuerReserve/1000 || err == nil {
		t.Errorf("one issuer has %d in the reserve: %v", n, err)
	}
	if s.Size() > setBytes {
		t.Errorf("%d bytes", s.Size())
	}
}

func TestMissingAndWithoutAreTheDifference(t *testing.T) {
	w := newWorld(t)
	mine, theirs := w.set(w.tell("a+b a+c")...), w.set(w.tell("a+b a+d")...)
	if got := mine.Missing(theirs.Hashes()); !slices.Equal(got, []RecordHash{w.admit("a", "d").Hash()}) {
		t.Errorf("missing %v", got)
	}
	if got := mine.Without(theirs.Hashes()); len(got) != 1 || !got[0].Equal(w.admit("a", "c")) {
		t.Errorf("without %v", got)
	}
}

func TestAllCanBeAddedOneAfterTheOther(t *testing.T) {
	w := newWorld(t)
	s := w.set(append(w.tell("a+b b+c c+d d+e e-a b+a"), w.describe("e", 1, "e"), w.describe("a", 1, "a"))...)
	again := NewRecordSet(MeshID{})
	for _, r := range s.All() {
		if added, err := again.Add(r); err != nil || len(added) != 1 {
			t.Errorf("%v came too early: %v", r, err)
		}
	}
	if again.Digest() != s.Digest() || !slices.Equal(again.Hashes(), s.Hashes()) || len(s.All()) != s.Len() {
		t.Error("not all")
	}
}

func TestCloneSharesNothing(t *testing.T) {
	w := newWorld(t)
	s := w.set(w.describe("a", 1, "one"))
	digest, size := s.Digest(), s.Size()
	c := s.Clone()
	if _, err := c.Add(w.admit("a", "b"), w.describe("a", 2, "two"), w.admit("x", "y")); err != nil {
		t.Fatal(err)
	}
	if s.Digest() != digest || s.Size() != size || s.Knows(w.id("b")) || len(s.waiting) != 0 {
		t.Error("the original changed")
	}
	if c.Digest() == digest {
		t.Error("other records, equal digest")
	}
}
