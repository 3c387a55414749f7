package certs

import (
	"bytes"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// payload is a well-formed payload to spoil: a description of a.
func (w *world) payload() map[any]any {
	key := w.key("a").PublicKey()
	mesh := w.mesh()
	return map[any]any{
		1: 1, 2: 4, 3: mesh[:], 4: []byte(key), 5: 1000,
		16: 1, 17: "a", 21: 0, 22: 1, 23: make([]byte, 16), 24: 0,
	}
}

// signedRaw signs a payload by a, as it is.
func (w *world) signedRaw(payload []byte, more ...[]byte) []byte {
	w.tb.Helper()
	sig := w.key("a").Sign(signedMessage(w.mesh(), payload))
	return w.encoded(append([][]byte{payload, sig}, more...))
}

func (w *world) encoded(v any) []byte {
	w.tb.Helper()
	b, err := encodeRecord(v)
	if err != nil {
		w.tb.Fatal(err)
	}
	return b
}

// with is the signed sample with some keys set, or deleted where the value is nil.
func (w *world) with(changes map[any]any) []byte {
	w.tb.Helper()
	p := w.payload()
	for k, v := range changes {
		p[k] = v
		if v == nil {
			delete(p, k)
		}
	}
	return w.signedRaw(w.encoded(p))
}

func TestHostileRecordsAreRefused(t *testing.T) {
	w := newWorld(t)
	mesh, key := w.mesh(), []byte(w.key("a").PublicKey())
	subject := w.id("b")
	good := w.encoded(w.payload())
	for _, c := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"nothing", nil, "EOF"},
		{"a number", []byte{0x01}, "cannot unmarshal"},
		{"an empty array", []byte{0x80}, "0 parts"},
		{"one part", w.encoded([][]byte{good}), "1 parts"},
		{"four parts", w.signedRaw(good, make([]byte, 64), make([]byte, 64)), "4 parts"},
		{"more behind", append(w.signedRaw(good), 0), "extraneous"},
		{"too large", w.with(map[any]any{99: make([]byte, 1024)}), "the most is 1024"},
		{"a length that lies", []byte{0x82, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "EOF"},
		{"an endless array", append([]byte{0x9f}, append(w.signedRaw(good)[1:], 0xff)...), "indefinite"},
		{"a long form of a length", append([]byte{0x98, 2}, w.signedRaw(good)[1:]...), "canonical"},
		{"a tag", append([]byte{0xc1}, w.signedRaw(good)...), "tag"},
		{"a short signature", w.encoded([][]byte{good, make([]byte, 63)}), "signature of 63"},
		{"a wrong signature", w.encoded([][]byte{good, make([]byte, 64)}), "does not verify"},
		{"a consent nobody asked for", w.signedRaw(good, make([]byte, 64)), "nobody is asked"},
		{"an empty payload", w.signedRaw(nil), "EOF"},
		{"a payload that is no map", w.signedRaw([]byte{0x80}), "cannot unmarshal"},
		{"keys out of order", w.signedRaw(swapped(good)), "canonical"},
		{"a key twice", w.signedRaw(doubled(good)), "duplicate"},
		{"a text as key", w.with(map[any]any{"x": 1}), "cannot unmarshal"},
		{"a negative key", w.with(map[any]any{-1: 1}), "cannot unmarshal"},
		{"a short float", w.signedRaw(append([]byte{good[0] + 1}, append(bytes.Clone(good[1:]), 0x18, 99, 0xf9, 0x3c, 0x00)...)), "canonical"},
		{"deep nesting", w.signedRaw(append([]byte{good[0] + 1}, append(bytes.Clone(good[1:]), append([]byte{0x18, 99}, bytes.Repeat([]byte{0x81}, 40)...)...)...)), "nested"},
		{"version 2", w.with(map[any]any{1: 2}), "unknown version 2"},
		{"no version", w.with(map[any]any{1: nil}), "unknown version 0"},
		{"kind 0", w.with(map[any]any{2: 0}), "no kind"},
		{"kind 256", w.with(map[any]any{2: 256}), "cannot unmarshal"},
		{"a short mesh", w.with(map[any]any{3: mesh[:31]}), "31 bytes"},
		{"no mesh", w.with(map[any]any{3: nil}), "describe of mesh"},
		{"a genesis of a mesh", w.with(map[any]any{2: 1, 16: "a", 17: make([]byte, 32)}), "genesis of mesh"},
		{"a short key", w.with(map[any]any{4: key[:31]}), "31 bytes"},
		{"a long key", w.with(map[any]any{4: append(bytes.Clone(key), 0)}), "33 bytes"},
		{"a zero key", w.with(map[any]any{4: make([]byte, 32)}), "no issuer"},
		{"another's key", w.with(map[any]any{4: []byte(w.key("b").PublicKey())}), "does not verify"},
		{"another mesh's signature", w.with(map[any]any{3: bytes.Repeat([]byte{1}, 32)}), "does not verify"},
		{"a negative time", w.with(map[any]any{5: -1}), "out of range"},
		{"a time after 9999", w.with(map[any]any{5: int64(timeMax + 1)}), "out of range"},
		{"a second key in a description", w.with(map[any]any{6: key}), "second key"},
		{"an admit without second key", w.with(map[any]any{2: 2, 16: "b", 17: make([]byte, 5), 18: make([]byte, 16)}), "second key"},
		{"a name of another type", w.with(map[any]any{17: 1}), "cannot unmarshal"},
		{"a name out of bounds", w.with(map[any]any{17: "\x1b[2J"}), "check name"},
		{"a name that is no UTF-8", w.with(map[any]any{17: cbor.RawMessage{0x61, 0xff}}), "UTF-8"},
		{"an address out of bounds", w.with(map[any]any{18: []string{"nowhere"}}), "not host:port"},
		{"65 addresses", w.with(map[any]any{18: strings.Fields(strings.Repeat("a:1 ", 65))}), "exceeded"},
		{"a short instance", w.with(map[any]any{23: make([]byte, 15)}), "15 bytes"},
		{"a revocation of nobody", w.with(map[any]any{2: 3, 16: make([]byte, 32), 17: 2}), "no subject"},
		{"a revocation without reason", w.with(map[any]any{2: 3, 16: subject[:], 17: 0}), "no reason"},
		{"leaving for another", w.with(map[any]any{2: 3, 16: subject[:], 17: 1}), "cannot leave in place"},
		{"keeps out of order", w.with(map[any]any{2: 3, 16: subject[:], 17: 2, 18: [][]byte{bytes.Repeat([]byte{2}, 32), make([]byte, 32)}}), "not in order"},
		{"a short keep", w.with(map[any]any{2: 3, 16: subject[:], 17: 2, 18: [][]byte{make([]byte, 31)}}), "31 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseRecord(c.raw)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q in it", err, c.want)
			}
		})
	}
	if _, err := ParseRecord(w.signedRaw(good)); err != nil {
		t.Errorf("what they spoil is bad itself: %v", err)
	}
}

// swapped exchanges the first two entries of a map with one-byte keys and values.
func swapped(payload []byte) []byte {
	b := bytes.Clone(payload)
	b[1], b[2], b[3], b[4] = b[3], b[4], b[1], b[2]
	return b
}

// doubled repeats the first entry of such a map.
func doubled(payload []byte) []byte {
	b := append([]byte{payload[0] + 1}, payload[1:3]...)
	return append(b, payload[1:]...)
}

func TestUnknownKindsAndFieldsAreKept(t *testing.T) {
	w := newWorld(t)
	for name, raw := range map[string][]byte{
		"field": w.with(map[any]any{99: map[any]any{1: "x", "y": []any{true, nil, -5}}}),
		"kind":  w.with(map[any]any{2: 200, 17: 5}),
	} {
		r, err := ParseRecord(raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s := w.set(r)
		if got, ok := s.Get(r.Hash()); !ok || !bytes.Equal(got.Bytes(), raw) {
			t.Errorf("%s: not kept as it is", name)
		}
		if n := len(Fold(s, Decisions{}).Members); n != 1 {
			t.Errorf("%s: %d members", name, n)
		}
	}
}

func TestUnknownKindWithSecondKeyNeedsItsConsent(t *testing.T) {
	w := newWorld(t)
	p := w.payload()
	p[2], p[6] = 200, []byte(w.key("b").PublicKey())
	payload := w.encoded(p)
	if _, err := ParseRecord(w.signedRaw(payload)); err == nil {
		t.Error("passed without")
	}
	consent := w.key("b").Sign(consentMessage(w.mesh(), envelope{payload: payload}.hash()))
	if _, err := ParseRecord(w.signedRaw(payload, consent)); err != nil {
		t.Error(err)
	}
}

func FuzzParseRecord(f *testing.F) {
	w := newWorld(f)
	for _, r := range w.samples() {
		f.Add(r.Bytes())
	}
	f.Add(w.with(map[any]any{99: "unknown"}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := ParseRecord(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(r.Bytes(), raw) || r.Kind() == 0 || r.Issuer().IsZero() || r.Size() > recordSize {
			t.Errorf("%v from %x", r, raw)
		}
	})
}

// FuzzDecodeBody passes over the signature, which no fuzzer ever gets right.
func FuzzDecodeBody(f *testing.F) {
	for _, r := range newWorld(f).samples() {
		e, err := openEnvelope(r.Bytes())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(e.payload)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		h, err := envelope{payload: payload}.decodeHeader()
		if err != nil {
			return
		}
		body, err := decodeBody(h, IDOf(h.Issuer[:]), payload)
		if d, ok := body.(Description); err == nil && ok && d.check() != nil {
			t.Errorf("description %+v", d)
		}
	})
}
