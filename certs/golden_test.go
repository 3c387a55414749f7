package certs

import (
	"crypto/ed25519"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

// goldenSigner is the identity that signed the golden records.
func goldenSigner(t *testing.T, seed byte) *Identity {
	t.Helper()
	i, err := newIdentity(ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+seed)), ed25519.SeedSize))))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// TestRecordsSignedOnceAreReadForEver holds the format: what is signed once has to be
// read, and to mean the same, for ever.
func TestRecordsSignedOnceAreReadForEver(t *testing.T) {
	const path = "testdata/records.hex"
	if *updateGolden {
		writeGolden(t, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var records []Record
	for line := range strings.Lines(string(text)) {
		want, raw, _ := strings.Cut(strings.TrimSpace(line), " = ")
		b, err := hex.DecodeString(raw)
		if err != nil {
			t.Fatal(err)
		}
		r, err := ParseRecord(b)
		if err != nil || saysGolden(r) != want {
			t.Errorf("reads as %q, %v; want %q", saysGolden(r), err, want)
		}
		records = append(records, r)
	}
	s := NewRecordSet(MeshID{})
	if added, err := s.Add(records...); err != nil || len(added) != 4 {
		t.Errorf("%d of 4 taken, %v", len(added), err)
	}
	fold := Fold(s, Decisions{})
	if len(fold.Members) != 1 || fold.Removed[goldenSigner(t, 1).ID()].Reason != Lost {
		t.Errorf("members %v, removed %v", fold.Members, fold.Removed)
	}
}

// saysGolden is what a golden record states.
func saysGolden(r Record) string {
	what := ""
	switch r.Kind() {
	case Genesis:
		b, _ := r.Genesis()
		what = b.Name
	case Admit:
		b, _ := r.Admit()
		what = fmt.Sprint(b.Subject.Short(), b.Name, b.InviteID, b.Instance)
	case Revoke:
		b, _ := r.Revoke()
		what = fmt.Sprint(b.Subject.Short(), b.Reason, len(b.Keeps))
	case Describe:
		b, _ := r.Describe()
		what = fmt.Sprint(b)
	}
	return fmt.Sprintf("%s at %s: %s", r, r.At().Format(time.RFC3339), strings.ReplaceAll(what, "\n", " "))
}

func writeGolden(t *testing.T, path string) {
	t.Helper()
	a, b, at := goldenSigner(t, 0), goldenSigner(t, 1), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	genesis, err := a.Genesis("nas-a", at)
	if err != nil {
		t.Fatal(err)
	}
	mesh := genesis.Mesh()
	admission, err := a.Admit(mesh, b.PublicKey(), "nas-b", [5]byte{1, 2, 3, 4, 5}, [16]byte{9}, at)
	if err != nil {
		t.Fatal(err)
	}
	consent, err := b.Consent(admission)
	if err != nil {
		t.Fatal(err)
	}
	admit, err := admission.With(consent)
	if err != nil {
		t.Fatal(err)
	}
	describe, err := b.Describe(mesh, Description{
		Seq: 7, Name: "nas-b2", Addresses: []string{"192.168.1.11:7945", "[fd00::11]:7945"}, Port: 7945, Version: "0.1.0",
		ProtocolMin: 1, ProtocolMax: 2, Instance: [16]byte{8}, Boots: 3,
	}, at)
	if err != nil {
		t.Fatal(err)
	}
	revoke, err := a.Revoke(mesh, b.ID(), Lost, []RecordHash{admit.Hash()}, at)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, r := range append([]Record{genesis, admit, describe}, revoke...) {
		fmt.Fprintf(&text, "%s = %x\n", saysGolden(r), r.Bytes())
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}
