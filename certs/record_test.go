package certs

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var described = Description{
	Seq: 7, Name: "nas-b", Addresses: []string{"192.168.1.11:4848", "[fd00::1]:4848", "nas-b.example.org:4848"},
	Port: 4848, Version: "1.2.3", ProtocolMin: 1, ProtocolMax: 2, Instance: [16]byte{9}, Boots: 3,
}

func TestRecordsSayWhatWasSigned(t *testing.T) {
	w := newWorld(t)
	g, ok := w.genesis.Genesis()
	if diff := cmp.Diff(GenesisBody{Founder: w.id("a"), Key: w.key("a").PublicKey(), Name: "a"}, g); diff != "" || !ok {
		t.Error(diff)
	}
	a, ok := w.admit("a", "b").Admit()
	want := AdmitBody{Subject: w.id("b"), Key: w.key("b").PublicKey(), Name: "b", InviteID: [5]byte{1}, Instance: [16]byte{2}}
	if diff := cmp.Diff(want, a); diff != "" || !ok {
		t.Error(diff)
	}
	r, ok := w.revoke("a", "b", "c").Revoke()
	if diff := cmp.Diff(RevokeBody{Subject: w.id("b"), Reason: Removed, Keeps: []RecordHash{w.admit("b", "c").Hash()}}, r); diff != "" || !ok {
		t.Error(diff)
	}
	d, ok := w.must(w.key("b").Describe(w.mesh(), described, noon)).Describe()
	if diff := cmp.Diff(described, d); diff != "" || !ok {
		t.Error(diff)
	}
}

func TestRecordsNameMeshIssuerAndTime(t *testing.T) {
	w := newWorld(t)
	for _, r := range w.samples() {
		if r.Mesh() != w.mesh() || r.Issuer() != w.id("a") || !r.At().Equal(noon) || r.Hash() == (RecordHash{}) {
			t.Errorf("%v is of mesh %s at %v", r, r.Mesh().Short(), r.At())
		}
		if !bytes.Equal(r.IssuerKey(), w.key("a").PublicKey()) {
			t.Errorf("%v is of another key", r)
		}
	}
}

// samples is a record of each kind, signed by a.
func (w *world) samples() []Record {
	w.tb.Helper()
	return []Record{
		w.genesis, w.admit("a", "b"), w.revoke("a", "b", "c"),
		w.must(w.key("a").Describe(w.mesh(), described, noon)),
	}
}

func TestBytesStayTheSameOverTenHops(t *testing.T) {
	for _, r := range newWorld(t).samples() {
		hop := r
		for range 10 {
			var err error
			if hop, err = ParseRecord(hop.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
		if !hop.Equal(r) || hop.Hash() != r.Hash() {
			t.Errorf("%v changed", r)
		}
	}
}

func TestBytesOfARecordAreTheCallers(t *testing.T) {
	r := newWorld(t).genesis
	r.Bytes()[0] ^= 0xff
	if _, err := ParseRecord(r.Bytes()); err != nil {
		t.Error(err)
	}
}

func TestTimesOutOfRangeAreMovedIntoIt(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ at, want time.Time }{
		{time.Time{}, time.Unix(0, 0)},
		{time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC), time.UnixMilli(timeMax)},
	} {
		r := w.must(w.key("a").Describe(w.mesh(), described, c.at))
		if !r.At().Equal(c.want) {
			t.Errorf("%v became %v", c.at, r.At())
		}
	}
}

func TestAdmissionNeedsTheSubjectsConsent(t *testing.T) {
	w := newWorld(t)
	a, err := w.key("a").Admit(w.mesh(), w.key("b").PublicKey(), "b", [5]byte{}, [16]byte{}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseRecord(a.Bytes()); err == nil || !strings.Contains(err.Error(), "no consent") {
		t.Errorf("parsed without consent: %v", err)
	}
	if _, err := w.key("c").Consent(a); err == nil {
		t.Error("another than the subject consented")
	}
	if _, err := a.With([64]byte{1}); !errors.Is(err, ErrSignature) {
		t.Errorf("forged consent: %v", err)
	}
	again, err := ParseAdmission(a.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	consent, err := w.key("b").Consent(again)
	if err != nil {
		t.Fatal(err)
	}
	r, err := a.With(consent)
	if err != nil || r.Hash() != a.Hash() || a.Admit().Subject != w.id("b") || a.Issuer() != w.id("a") || a.Mesh() != w.mesh() {
		t.Errorf("%v of %s: %v", r, a.Admit().Subject.Short(), err)
	}
}

func TestAdmissionIsNoOtherRecord(t *testing.T) {
	for _, r := range newWorld(t).samples() {
		if _, err := ParseAdmission(r.Bytes()); err == nil {
			t.Errorf("%v passed as admission", r)
		}
	}
}

func TestManyKeepsTakeSeveralRecords(t *testing.T) {
	w := newWorld(t)
	keeps := make([]RecordHash, 0, 60)
	for n := range byte(60) {
		keeps = append(keeps, sha256.Sum256([]byte{n % 55})) // some twice
	}
	records, err := w.key("a").Revoke(w.mesh(), w.id("b"), Compromised, keeps, time.UnixMilli(timeMax))
	if err != nil {
		t.Fatal(err)
	}
	got := map[RecordHash]bool{}
	for _, r := range records {
		b, _ := r.Revoke()
		for _, h := range b.Keeps {
			got[h] = true
		}
		if r.Size() > recordSize || b.Subject != w.id("b") || b.Reason != Compromised {
			t.Errorf("%v of %d bytes, %s", r, r.Size(), b.Reason)
		}
	}
	if len(records) != 3 || len(got) != 55 {
		t.Errorf("%d records keep %d", len(records), len(got))
	}
}

func TestNothingOutOfBoundsIsSigned(t *testing.T) {
	w := newWorld(t)
	bad := func(change func(*Description)) error {
		d := described
		change(&d)
		_, err := w.key("a").Describe(w.mesh(), d, noon)
		return err
	}
	long := strings.Repeat("x", 200) + ".example:1"
	for what, err := range map[string]error{
		"name":       bad(func(d *Description) { d.Name = "NAS" }),
		"no port":    bad(func(d *Description) { d.Addresses = []string{"nas"} }),
		"port 0":     bad(func(d *Description) { d.Addresses = []string{"nas:0"} }),
		"port 65536": bad(func(d *Description) { d.Addresses = []string{"nas:65536"} }),
		"zone":       bad(func(d *Description) { d.Addresses = []string{"[fe80::1%eth0]:1"} }),
		"space":      bad(func(d *Description) { d.Addresses = []string{"a b:1"} }),
		"escape":     bad(func(d *Description) { d.Addresses = []string{"\x1b[2J:1"} }),
		"no host":    bad(func(d *Description) { d.Addresses = []string{":1"} }),
		"17":         bad(func(d *Description) { d.Addresses = strings.Fields(strings.Repeat("a:1 ", 17)) }),
		"256 bytes":  bad(func(d *Description) { d.Addresses = []string{strings.Repeat("x", 254) + ":1"} }),
		"1 KiB":      bad(func(d *Description) { d.Addresses = []string{long, long, long, long, long} }),
		"version":    bad(func(d *Description) { d.Version = "1\n2" }),
		"long":       bad(func(d *Description) { d.Version = strings.Repeat("1", 65) }),
		"protocols":  bad(func(d *Description) { d.ProtocolMin = 3 }),
		"zero mesh":  func() error { _, err := w.key("a").Describe(MeshID{}, described, noon); return err }(),
		"left":       func() error { _, err := w.key("a").Revoke(w.mesh(), w.id("b"), Left, nil, noon); return err }(),
		"no reason":  func() error { _, err := w.key("a").Revoke(w.mesh(), w.id("b"), 0, nil, noon); return err }(),
		"nobody":     func() error { _, err := w.key("a").Revoke(w.mesh(), ID{}, Lost, nil, noon); return err }(),
		"founder":    func() error { _, err := w.key("a").Genesis("", noon); return err }(),
		"itself": func() error {
			_, err := w.key("a").Admit(w.mesh(), w.key("a").PublicKey(), "a", [5]byte{}, [16]byte{}, noon)
			return err
		}(),
		"short key": func() error {
			_, err := w.key("a").Admit(w.mesh(), make([]byte, 31), "b", [5]byte{}, [16]byte{}, noon)
			return err
		}(),
	} {
		if err == nil {
			t.Errorf("%s: signed", what)
		}
	}
}

func TestHashesAndMeshesHaveATextBothWays(t *testing.T) {
	w := newWorld(t)
	m, err := ParseMeshID(strings.ToLower(w.mesh().String()))
	if err != nil || m != w.mesh() {
		t.Error(m, err)
	}
	h, err := ParseRecordHash(w.genesis.Hash().String())
	if err != nil || h != w.genesis.Hash() {
		t.Error(h, err)
	}
	if _, err := ParseMeshID(strings.Repeat("Z", 52)); err == nil {
		t.Error("read a text of 260 bits")
	}
	if _, err := ParseRecordHash("7QK4D2M"); err == nil {
		t.Error("read a short text")
	}
}
