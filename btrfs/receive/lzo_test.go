package receive

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// unhex reads instructions written by hand after Documentation/staging/lzo.rst.
func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEachLZOInstructionIsDecoded(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"first literals":                  {"15" + "61626364" + "110000", "abcd"},
		"run of literals":                 {"01" + "61626364" + "110000", "abcd"},
		"match of 4 overlapping":          {"13" + "6162" + "6400" + "110000", "ababab"},
		"near match of 3, two literals":   {"15" + "61626364" + "4e00" + "7879" + "110000", "abcd" + "abc" + "xy"},
		"middle match of 5":               {"15" + "61626364" + "230c00" + "110000", "abcd" + "abcda"},
		"tiny match after two literals":   {"13" + "6162" + "0400" + "110000", "ab" + "ab"},
		"long run of literals":            {"0003" + hex.EncodeToString(bytes.Repeat([]byte("z"), 21)) + "110000", "zzzzzzzzzzzzzzzzzzzzz"},
		"extended length of middle match": {"12" + "61" + "20" + "05" + "0000" + "110000", "a" + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
	} {
		out := make([]byte, 64)
		n, err := lzo1x(out, unhex(t, c.in))
		if err != nil || string(out[:n]) != c.want {
			t.Errorf("%s: %q, %v, want %q", name, out[:n], err, c.want)
		}
	}
}

func TestDamagedLZOIsRefused(t *testing.T) {
	for name, in := range map[string]string{
		"empty":                    "",
		"literals beyond input":    "15" + "6162",
		"literals beyond output":   "ff" + hex.EncodeToString(make([]byte, 238)),
		"match before the start":   "12" + "61" + "40ff",
		"match beyond output":      "12" + "61" + "2000000000ff0000",
		"no end":                   "12" + "61",
		"endless length":           "00" + hex.EncodeToString(make([]byte, 100)),
		"cut in a match":           "12" + "61" + "23",
		"far match without a past": "12" + "61" + "19ffff",
	} {
		if n, err := lzo1x(make([]byte, 64), unhex(t, in)); err == nil {
			t.Errorf("%s: decoded %d bytes", name, n)
		}
	}
}

func FuzzDecoderStaysInBounds(f *testing.F) {
	f.Add([]byte{0x15, 'a', 'b', 'c', 'd', 0x11, 0, 0}, uint8(0))
	f.Add([]byte{11, 0, 0, 0, 3, 0, 0, 0, 0x11, 0, 0}, uint8(compressionLZO4K))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd}, uint8(compressionZstd))
	f.Add([]byte{0x78, 0x9c}, uint8(compressionZlib))
	f.Fuzz(func(t *testing.T, src []byte, compression uint8) {
		if n, err := lzo1x(make([]byte, 4096), src); n < 0 || n > 4096 {
			t.Errorf("lzo1x: %d, %v", n, err)
		}
		var d decoder
		defer d.close()
		dst := make([]byte, 8192)
		if n, err := d.decompress(dst, src, uint32(compression%8)); n < 0 || n > len(dst) {
			t.Errorf("decompress: %d, %v", n, err)
		}
	})
}
