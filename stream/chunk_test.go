package stream

import (
	"bytes"
	"errors"
	"testing"
	"testing/quick"

	"github.com/klauspost/compress/zstd"
)

func TestChunkHeaderRoundTrip(t *testing.T) {
	h := chunkHeader{number: 1 << 40, encoding: encodingZstd, raw: maxChunk, encoded: 12345, sum: 0xdeadbeef}
	got, err := parseChunkHeader(appendChunkHeader(nil, h))
	if err != nil || got != h {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestChunkHeaderOutOfRangeIsRefused(t *testing.T) {
	for name, h := range map[string]chunkHeader{
		"encoding":        {encoding: 2, raw: 1, encoded: 1},
		"no bytes":        {},
		"too many bytes":  {raw: maxChunk + 1, encoded: 1, encoding: encodingZstd},
		"grown":           {raw: 10, encoded: 11, encoding: encodingZstd},
		"raw but shorter": {raw: 10, encoded: 9},
		"no payload":      {raw: 10, encoding: encodingZstd},
	} {
		if _, err := parseChunkHeader(appendChunkHeader(nil, h)); !errors.Is(err, ErrBadStream) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := parseChunkHeader(make([]byte, chunkHead-1)); !errors.Is(err, ErrBadStream) {
		t.Errorf("short: %v", err)
	}
}

func TestPackedChunksUnpack(t *testing.T) {
	enc, dec := codec(t)
	roundTrip := func(raw []byte) bool {
		if len(raw) == 0 {
			return true
		}
		c := packed(enc, raw)
		got, err := unpack(dec, make([]byte, maxChunk), c.header, c.block)
		return err == nil && bytes.Equal(got, raw) && len(c.block) <= len(raw)
	}
	if err := quick.Check(roundTrip, nil); err != nil {
		t.Error(err)
	}
	for _, raw := range [][]byte{make([]byte, maxChunk), randomBytes(maxChunk), bytes.Repeat([]byte("abc"), 1000)} {
		if !roundTrip(raw) {
			t.Errorf("%d bytes starting %x do not survive", len(raw), raw[:4])
		}
	}
	random, zeros := packed(enc, randomBytes(maxChunk)), packed(enc, make([]byte, maxChunk))
	if random.header.encoding != encodingRaw || zeros.header.encoding != encodingZstd {
		t.Errorf("random bytes are packed as %d, zeros as %d", random.header.encoding, zeros.header.encoding)
	}
}

func packed(enc *encoder, raw []byte) *parcel {
	b := new(blocks)
	c := &parcel{header: chunkHeader{raw: len(raw)}, block: append(b.get(len(raw)), raw...), from: b}
	c.pack(enc, levelFastest)
	return c
}

func codec(tb testing.TB) (*encoder, *zstd.Decoder) {
	tb.Helper()
	enc, err := newEncoder()
	if err != nil {
		tb.Fatal(err)
	}
	dec, err := newDecoder()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(dec.Close)
	return enc, dec
}

func TestBombsAndLiesAreRefused(t *testing.T) {
	_, dec := codec(t)
	big, err := zstd.NewWriter(nil, zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	zeros := big.EncodeAll(make([]byte, 256<<20), nil)
	small := big.EncodeAll(make([]byte, 1000), nil)
	sum := castagnoli(make([]byte, 1000))
	cases := map[string]struct {
		h       chunkHeader
		payload []byte
	}{
		"bomb":           {chunkHeader{encoding: encodingZstd, raw: maxChunk}, zeros},
		"longer than it": {chunkHeader{encoding: encodingZstd, raw: 999, sum: sum}, small},
		"shorter":        {chunkHeader{encoding: encodingZstd, raw: 1001, sum: sum}, small},
		"twice":          {chunkHeader{encoding: encodingZstd, raw: 1000, sum: sum}, append(bytes.Clone(small), small...)},
		"garbage":        {chunkHeader{encoding: encodingZstd, raw: 1000, sum: sum}, []byte("garbage")},
		"other sum":      {chunkHeader{encoding: encodingZstd, raw: 1000, sum: sum + 1}, small},
		"raw, other sum": {chunkHeader{raw: 4, sum: 1}, []byte("data")},
	}
	for name, c := range cases {
		c.h.encoded = len(c.payload)
		allocated := testing.AllocsPerRun(1, func() {
			if _, err := unpack(dec, make([]byte, maxChunk), c.h, c.payload); !errors.Is(err, ErrBadStream) {
				t.Errorf("%s: %v", name, err)
			}
		})
		if allocated > 200 {
			t.Errorf("%s: %v allocations", name, allocated)
		}
	}
}

func FuzzChunk(f *testing.F) {
	f.Add(appendChunkHeader(nil, chunkHeader{number: 1, raw: 5, encoded: 5}))
	f.Add(chunks(1, 2, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseChunkHeader(b)
		if err != nil {
			return
		}
		if !bytes.Equal(appendChunkHeader(nil, h), b[:chunkHead]) {
			t.Errorf("%+v does not encode to what it was parsed from", h)
		}
		_, dec := codec(t)
		payload := b[chunkHead:]
		if len(payload) < h.encoded {
			return
		}
		raw, err := unpack(dec, make([]byte, maxChunk), h, payload[:h.encoded])
		if err == nil && (len(raw) != h.raw || castagnoli(raw) != h.sum) {
			t.Errorf("%d bytes unpacked of %+v", len(raw), h)
		}
	})
}
