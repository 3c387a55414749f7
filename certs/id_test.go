package certs

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"
)

// The key of RFC 8032 section 7.1, test 1; all that follows from it in these
// tests was worked out with another program.
const (
	rfcSeed   = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
	rfcIDHex  = "533329ec3bbb768d55653397b54329872ab38b8f99eb054df60e250afacac443"
	rfcIDText = "ACSJKV1VQDV8TNB56EBVAGS9GWNB72WFK7NGAKFP1RJGNYPARH1GYB"
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func rfcKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	return ed25519.NewKeyFromSeed(unhex(t, rfcSeed))
}

func genID() *rapid.Generator[ID] {
	return rapid.Custom(func(t *rapid.T) ID {
		return ID(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "id"))
	})
}

func TestIDIsAHashOfThePublicKey(t *testing.T) {
	id := IDOf(publicKey(rfcKey(t)))
	if got := hex.EncodeToString(id[:]); got != rfcIDHex {
		t.Errorf("IDOf = %s, want %s", got, rfcIDHex)
	}
	if id.String() != rfcIDText || id.Short() != "ACSJKV1" {
		t.Errorf("text = %s, short = %s", id, id.Short())
	}
}

func TestIDTextKeepsItsPadding(t *testing.T) {
	for id, want := range map[ID]string{
		{}:                                strings.Repeat("0", 53) + "1",
		ID(bytes.Repeat([]byte{255}, 32)): strings.Repeat("Z", 51) + "GW5",
	} {
		if id.String() != want {
			t.Errorf("text = %s, want %s", id, want)
		}
	}
	if !(ID{}).IsZero() || (ID{31: 1}).IsZero() {
		t.Error("only the zero ID is zero")
	}
}

func TestIDIsReadHoweverItIsWritten(t *testing.T) {
	want := ID(unhex(t, rfcIDHex))
	letters := strings.NewReplacer("0", "o", "1", "l")
	for _, text := range []string{
		rfcIDText, strings.ToLower(rfcIDText), letters.Replace(rfcIDText), strings.ReplaceAll(rfcIDText, "1", "I"),
	} {
		if got, err := ParseID(text); got != want || err != nil {
			t.Errorf("ParseID(%q) = %s, %v", text, got, err)
		}
	}
}

func TestWrongIDIsRefusedWithTheReason(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "too short: 0 of 54",
		rfcIDText[:53]:                       "too short: 53 of 54",
		rfcIDText + "0":                      "too long: 55 characters instead of 54",
		"U" + rfcIDText[1:]:                  `character 1 is 'U'`,
		rfcIDText[:53] + "\n":                `character 54 is '\n'`,
		rfcIDText[:9] + "é" + "\xff":         `character 10 is 'é'`,
		"\xff":                               "character 1 is",
		rfcIDText[:53] + "C":                 "mistyped",
		strings.Repeat("0", 54):              "mistyped",
		strings.Repeat("0", 52) + "ZY":       "mistyped", // 1022: leaves 1, yet not the least
		strings.Repeat("0", 51) + "1" + "ZZ": "mistyped", // a bit past the 256th
	} {
		_, err := ParseID(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseID(%q) = %v, want %q", text, err, want)
		}
	}
}

func TestAnyIDSurvivesItsForms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := genID().Draw(t, "id")
		if got, err := ParseID(id.String()); got != id || err != nil {
			t.Fatalf("ParseID = %s, %v", got, err)
		}
		for name, c := range map[string]struct {
			marshal   func(any) ([]byte, error)
			unmarshal func([]byte, any) error
			size      int
		}{
			"JSON": {json.Marshal, json.Unmarshal, len(`""`) + 54},
			"CBOR": {cbor.Marshal, cbor.Unmarshal, 2 + 32},
		} {
			b, err := c.marshal(id)
			if err != nil || len(b) != c.size {
				t.Fatalf("%s: %d bytes, want %d, %v", name, len(b), c.size, err)
			}
			var got ID
			if err := c.unmarshal(b, &got); got != id || err != nil {
				t.Fatalf("%s: %s, %v", name, got, err)
			}
		}
	})
}

func TestIDOfWrongLengthIsRefused(t *testing.T) {
	before := ID{1}
	id := before
	for _, size := range []int{0, 31, 33} {
		if id.UnmarshalBinary(make([]byte, size)) == nil {
			t.Errorf("%d bytes were taken", size)
		}
	}
	if id.UnmarshalText([]byte("x")) == nil || id != before {
		t.Errorf("a refused text changed the ID to %s", id)
	}
}

func TestAnyOneTypoAndAnySwapInAnIDIsNoticed(t *testing.T) {
	accepted := func(text string) bool { _, err := ParseID(text); return err == nil }
	for _, id := range []ID{{}, {31: 1}, ID(unhex(t, rfcIDHex)), ID(bytes.Repeat([]byte{255}, 32))} {
		checkEveryTypo(t, id.String(), 0, accepted)
	}
}

func TestIDsSortLikeTheirTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOf(genID()).Draw(t, "ids")
		slices.SortFunc(ids, ID.Compare)
		if !slices.IsSortedFunc(ids, func(a, b ID) int { return strings.Compare(a.String(), b.String()) }) {
			t.Fatalf("not sorted by text: %v", ids)
		}
	})
}

func FuzzParseID(f *testing.F) {
	f.Add(rfcIDText)
	f.Add(strings.Repeat("0", 52) + "ZY")
	f.Add("\xff\x00")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseID(text)
		if err != nil {
			return
		}
		if again, err := ParseID(id.String()); again != id || err != nil || len(text) != idText {
			t.Errorf("%q gives %s, which gives %s, %v", text, id, again, err)
		}
	})
}
