package certs

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var people = []string{"a", "b", "c", "d", "e", "f"}

// pool has the records that random sets are drawn from: every admission among
// people, and of every revocation four that keep different things.
func (w *world) pool() []Record {
	w.tb.Helper()
	pool := []Record{w.genesis}
	for i, issuer := range people {
		pool = append(pool, w.describe(issuer, 1, "one"), w.describe(issuer, 2, "two"))
		for j, subject := range people {
			if i != j {
				pool = append(pool, w.admit(issuer, subject))
			}
			for keeps := range 4 {
				pool = append(pool, w.revoke(issuer, subject, keepSome(subject, keeps, i+j)...))
			}
		}
	}
	return pool
}

// keepSome are none, all, or some whom subject may have admitted.
func keepSome(subject string, which, salt int) []string {
	var some []string
	for k, kept := range people {
		if kept != subject && (which == 1 || which > 1 && (k+salt)%which == 0) {
			some = append(some, kept)
		}
	}
	return some
}

func drawRecords(t *rapid.T, w *world, pool []Record) []Record {
	admits := rapid.SliceOfN(rapid.SampledFrom(pool), 0, 40).Draw(t, "records")
	return append(admits, w.genesis)
}

// drawDecisions decides about some people and some of the revocations.
func drawDecisions(t *rapid.T, w *world, records []Record) Decisions {
	d := Decisions{
		Keep: map[ID]bool{}, Remove: map[ID]bool{},
		Held: map[RecordHash]bool{}, Approved: map[RecordHash]bool{}, Vouched: map[RecordHash]bool{},
	}
	for _, p := range people {
		switch rapid.IntRange(0, 11).Draw(t, p) {
		case 0:
			d.Keep[w.id(p)] = true
		case 1:
			d.Remove[w.id(p)] = true
		}
	}
	for _, r := range records {
		into := []map[RecordHash]bool{d.Held, d.Approved, d.Vouched}
		if n := rapid.IntRange(0, 11).Draw(t, "about "+r.String()); n < len(into) && r.Kind() == Revoke {
			into[n][r.Hash()] = true
		}
	}
	return d
}

func (w *world) union(t *rapid.T, records []Record) *RecordSet {
	s := NewRecordSet(w.mesh())
	if _, err := s.Add(records...); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOrderGroupingAndRepetitionOfRecordsDoNotMatter(t *testing.T) {
	w := newWorld(t)
	pool := w.pool()
	rapid.Check(t, func(t *rapid.T) {
		records := drawRecords(t, w, pool)
		d := drawDecisions(t, w, records)
		want := w.union(t, records)
		got := NewRecordSet(w.mesh())
		for rest := rapid.Permutation(append(records, records...)).Draw(t, "order"); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "group")
			if _, err := got.Add(rest[:n]...); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if got.Digest() != want.Digest() || !slices.Equal(got.Hashes(), want.Hashes()) {
			t.Fatal("the sets differ")
		}
		if diff := cmp.Diff(Fold(want, d), Fold(got, d)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestFoldIsWhatItsRulesSayWordForWord(t *testing.T) {
	w := newWorld(t)
	pool := w.pool()
	rapid.Check(t, func(t *rapid.T) {
		records := drawRecords(t, w, pool)
		d := drawDecisions(t, w, records)
		got := slices.Collect(maps.Keys(Fold(w.union(t, records), d).Members))
		want := slices.Collect(maps.Keys(naive(w, records, d)))
		if w.called(got) != w.called(want) {
			t.Fatalf("members %q, want %q", w.called(got), w.called(want))
		}
	})
}

// naive decides about members in the slowest way: each rule is a loop over all
// records, again and again until nothing changes.
func naive(w *world, records []Record, d Decisions) map[ID]bool {
	ever, out, reached := map[ID]bool{w.id("a"): true}, map[ID]bool{}, map[ID]bool{w.id("a"): true}
	for range records {
		for _, r := range records {
			if b, ok := r.Admit(); ok && ever[r.Issuer()] {
				ever[b.Subject] = true
			}
		}
	}
	counts := func(r Record) (RevokeBody, bool) {
		b, ok := r.Revoke()
		return b, ok && ever[r.Issuer()] && (!d.Held[r.Hash()] || d.Approved[r.Hash()])
	}
	byOther := maps.Clone(d.Remove)
	for _, r := range records {
		if b, ok := counts(r); ok {
			out[b.Subject] = !d.Keep[b.Subject]
			byOther[b.Subject] = byOther[b.Subject] || r.Issuer() != b.Subject
		}
	}
	for id := range ever {
		out[id] = out[id] || d.Remove[id]
		reached[id] = reached[id] || d.Keep[id]
	}
	kept := func(admission, issuer Record) bool {
		b, ok := counts(issuer)
		if !ok || b.Subject != admission.Issuer() || !slices.Contains(b.Keeps, admission.Hash()) {
			return false
		}
		if issuer.Issuer() == b.Subject {
			return reached[b.Subject] && !byOther[b.Subject]
		}
		return reached[issuer.Issuer()] || d.Approved[issuer.Hash()] || d.Vouched[issuer.Hash()]
	}
	for range records {
		for _, r := range records {
			b, ok := r.Admit()
			good := !out[r.Issuer()] || slices.ContainsFunc(records, func(k Record) bool { return kept(r, k) })
			if ok && reached[r.Issuer()] && good {
				reached[b.Subject] = true
			}
		}
	}
	maps.DeleteFunc(reached, func(id ID, in bool) bool { return !in || out[id] })
	return reached
}

func TestOutOnlyGrowsWhileDecisionsStay(t *testing.T) {
	w := newWorld(t)
	pool := w.pool()
	rapid.Check(t, func(t *rapid.T) {
		records := drawRecords(t, w, pool)
		d := drawDecisions(t, w, records)
		s := w.union(t, records)
		before := revoked(Fold(s, d))
		if _, err := s.Add(drawRecords(t, w, pool)...); err != nil {
			t.Fatal(err)
		}
		after := Fold(s, d)
		for id := range before {
			if _, still := after.Removed[id]; !still || after.Has(id) && !after.Removed[id].Kept {
				t.Fatalf("%s is back", w.called([]ID{id}))
			}
		}
	})
}

// revoked are the keys that are out by name, not by fall.
func revoked(m Membership) map[ID]Removal {
	out := maps.Clone(m.Removed)
	maps.DeleteFunc(out, func(_ ID, r Removal) bool { return r.Fallen })
	return out
}

func TestNobodyIsAMemberThatWasNeverAdmitted(t *testing.T) {
	w := newWorld(t)
	pool := w.pool()
	rapid.Check(t, func(t *rapid.T) {
		records := drawRecords(t, w, pool)
		s := w.union(t, records)
		m := Fold(s, drawDecisions(t, w, records))
		for id := range m.Members {
			if !m.Ever[id] || !s.Knows(id) || m.Members[id].ID != id || IDOf(m.Members[id].Key) != id {
				t.Fatalf("%s is a member: %+v", w.called([]ID{id}), m.Members[id])
			}
		}
		for id := range m.Ever {
			if _, removed := m.Removed[id]; !removed && !m.Has(id) {
				t.Fatalf("%s is neither member nor removed", w.called([]ID{id}))
			}
		}
	})
}

func TestNoKeepSupportsItself(t *testing.T) {
	w := newWorld(t)
	pool := w.pool()
	rapid.Check(t, func(t *rapid.T) {
		records := drawRecords(t, w, pool)
		with := Fold(w.union(t, records), Decisions{})
		for _, r := range records {
			if r.Kind() != Revoke || with.Has(r.Issuer()) {
				continue
			}
			// What a key that is no member says makes it none, whatever it keeps.
			own := slices.DeleteFunc(slices.Clone(pool), func(o Record) bool {
				return o.Kind() != Revoke || o.Issuer() != r.Issuer()
			})
			more := Fold(w.union(t, append(slices.Clone(records), own...)), Decisions{})
			if more.Has(r.Issuer()) {
				t.Fatalf("%s made itself a member", w.called([]ID{r.Issuer()}))
			}
		}
	})
}

func TestVerdictHoldsOnlyUnapprovedRevocationsOfTheBatch(t *testing.T) {
	w := newWorld(t)
	pool := w.pool()
	rapid.Check(t, func(t *rapid.T) {
		records, batch := drawRecords(t, w, pool), drawRecords(t, w, pool)
		d := drawDecisions(t, w, append(slices.Clone(records), batch...))
		before := w.union(t, records)
		digest := before.Digest()
		v := Brake(before, batch, d)
		for _, h := range slices.Concat(v.Held, v.Vouched) {
			r, ok := w.union(t, append(slices.Clone(records), batch...)).Get(h)
			if !ok || r.Kind() != Revoke || before.Has(h) || d.Approved[h] {
				t.Fatalf("decided about %v", r)
			}
		}
		if before.Digest() != digest {
			t.Fatal("the set changed")
		}
		if diff := cmp.Diff(v, Brake(before, rapid.Permutation(batch).Draw(t, "order"), d)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestOneIssuerNeverPutsOutMoreThanHalfInAnyNumberOfBatches(t *testing.T) {
	w := newWorld(t)
	pool := w.pool()
	rapid.Check(t, func(t *rapid.T) {
		admits := slices.DeleteFunc(drawRecords(t, w, pool), func(r Record) bool { return r.Kind() == Revoke })
		s, d := w.union(t, admits), Decisions{}
		members := len(Fold(s, d).Members)
		issuer := w.id(rapid.SampledFrom(people).Draw(t, "issuer"))
		own := slices.DeleteFunc(slices.Clone(pool), func(r Record) bool { return r.Kind() != Revoke || r.Issuer() != issuer })
		for range rapid.IntRange(1, 8).Draw(t, "batches") {
			batch := rapid.SliceOfN(rapid.SampledFrom(own), 1, 3).Draw(t, "batch")
			d = d.After(Brake(s, batch, d))
			if _, err := s.Add(batch...); err != nil {
				t.Fatal(err)
			}
		}
		left := Fold(s, d)
		if leaves := left.Ever[issuer] && !left.Has(issuer); !leaves && 2*len(left.Members) < members {
			t.Fatalf("%d of %d members are left", len(left.Members), members)
		}
	})
}
