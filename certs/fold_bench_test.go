package certs

import (
	"strconv"
	"testing"
)

// crowd is a mesh of 1000 that ten of its members let in, each described, and
// one in twenty removed.
func crowd(b *testing.B) (*world, *RecordSet) {
	b.Helper()
	w := newWorld(b)
	var records []Record
	for n := range 999 {
		name, sponsor := "m"+strconv.Itoa(n), "a"
		if n >= 10 {
			sponsor = "m" + strconv.Itoa(n%10)
		}
		records = append(records, w.admit(sponsor, name), w.describe(name, 1, name))
		if n%20 == 19 {
			records = append(records, w.revoke("a", name))
		}
	}
	return w, w.set(records...)
}

func BenchmarkFold(b *testing.B) {
	_, s := crowd(b)
	for b.Loop() {
		Fold(s, Decisions{})
	}
	b.ReportMetric(float64(s.Size()), "set-bytes")
}

func BenchmarkBrake(b *testing.B) {
	w, s := crowd(b)
	batch := w.tell("a-m1 m2-m3")
	for b.Loop() {
		Brake(s, batch, Decisions{})
	}
}

func BenchmarkDigest(b *testing.B) {
	_, s := crowd(b)
	for b.Loop() {
		s.Digest()
	}
}

func BenchmarkParseRecord(b *testing.B) {
	w := newWorld(b)
	raw := w.admit("a", "b").Bytes()
	for b.Loop() {
		if _, err := ParseRecord(raw); err != nil {
			b.Fatal(err)
		}
	}
}
