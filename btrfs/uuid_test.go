package btrfs

import (
	"bytes"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

const uuidExample = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"

func TestUUIDTextIsReadBack(t *testing.T) {
	u, err := ParseUUID(uuidExample)
	if err != nil || u.String() != uuidExample {
		t.Fatalf("%q became %q (%v)", uuidExample, u, err)
	}
	upper, err := ParseUUID("0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0")
	if err != nil || upper != u {
		t.Errorf("upper case became %v (%v)", upper, err)
	}
}

func TestUUIDTextOfAnotherShapeIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "0", "0f1e2d3c4b5a69788796a5b4c3d2e1f0", uuidExample + "0",
		"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1fg", "0f1e2d3-c4b5a-6978-8796-a5b4c3d2e1f0",
		"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f-", "------------------------------------",
	} {
		if u, err := ParseUUID(text); err == nil {
			t.Errorf("%q was read as %s", text, u)
		}
	}
}

func TestUUIDIsEncodedAsTextAndAsBytes(t *testing.T) {
	for _, want := range []UUID{{}, {1, 2, 3}} {
		text, err := want.MarshalText()
		got := UUID{9}
		if err := got.UnmarshalText(text); err != nil || got != want {
			t.Errorf("text %q became %s (%v)", text, got, err)
		}
		encoded, err2 := cbor.Marshal(want)
		if err != nil || err2 != nil || !bytes.Equal(encoded, append([]byte{0x50}, want[:]...)) {
			t.Errorf("%s is encoded as %x (%v, %v)", want, encoded, err, err2)
		}
		if err := cbor.Unmarshal(encoded, &got); err != nil || got != want {
			t.Errorf("%x became %s (%v)", encoded, got, err)
		}
	}
	if err := new(UUID).UnmarshalBinary(make([]byte, 15)); err == nil {
		t.Error("15 bytes were read as a uuid")
	}
	if err := new(UUID).UnmarshalText([]byte("x")); err == nil {
		t.Error("x was read as a uuid")
	}
}
