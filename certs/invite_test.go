package certs

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"
)

const (
	goldenCode = "bm1-ACSJKV1VQDV8TNB56EBVAGS9GW0G40R40MG228H34GJJC9S854N2PB1D5RQJWAR"
	goldenKey  = "ee9f8d997559baec86ab1614aace2a23e9f7b1ab34cef57d4b941e5010aced4e"
)

func goldenInvite(t *testing.T) Invite {
	t.Helper()
	i := Invite{Inviter: [16]byte(unhex(t, rfcIDHex)), ID: [5]byte{1, 2, 3, 4, 5}}
	for n := range i.Secret {
		i.Secret[n] = 0x20 + byte(n)
	}
	return i
}

func TestCodeBeginsWithTheInvitersShortID(t *testing.T) {
	i := goldenInvite(t)
	if i.Code() != goldenCode {
		t.Errorf("Code = %s, want %s", i.Code(), goldenCode)
	}
	id := ID(unhex(t, rfcIDHex))
	if !strings.HasPrefix(i.Code(), "bm1-"+id.Short()) || !i.Matches(id) {
		t.Errorf("invite of %s does not match %s", i.Code(), id)
	}
	id[15] ^= 1
	if i.Matches(id) {
		t.Error("another ID matches")
	}
}

func TestCodeIsReadHoweverItIsWritten(t *testing.T) {
	broken := strings.Join(strings.SplitAfter(goldenCode, "G"), "-\r\n\t ")
	for _, code := range []string{
		goldenCode, strings.ToLower(goldenCode), "  " + goldenCode + "\n", broken,
		strings.Replace(goldenCode, "-", "", 1), strings.Replace(goldenCode, "-", " - ", 1),
		"BM1-" + strings.NewReplacer("0", "o", "1", "i").Replace(goldenCode[4:]),
	} {
		if got, err := ParseInvite(code); got != goldenInvite(t) || err != nil {
			t.Errorf("ParseInvite(%q) = %v, %v", code, got, err)
		}
	}
}

func TestWrongCodeIsRefusedWithTheReason(t *testing.T) {
	for code, want := range map[string]string{
		"":                               "no code",
		" \n":                            "no code",
		"bm":                             "not an invite",
		"QH3T6YP":                        "not an invite: a code begins with bm1-",
		"bm2-" + goldenCode[4:]:          "unknown version '2'",
		goldenCode[:11] + "…":            `character 9 is '…'`,
		"bm1":                            "too short: 0 of 63",
		goldenCode[:60]:                  "too short: 56 of 63",
		goldenCode + goldenCode[4:]:      "too long: 126 characters instead of 63",
		goldenCode[:66] + "T":            "mistyped", // padding
		"bm1-" + strings.Repeat("0", 63): "mistyped",
		strings.Repeat("-", 5000):        "too long: 5000 bytes",
	} {
		_, err := ParseInvite(code)
		if err == nil || !strings.HasPrefix(err.Error(), "parse invite: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseInvite(%q) = %v, want %q", code, err, want)
		}
	}
}

func TestRefusalDoesNotRepeatTheCode(t *testing.T) {
	for _, code := range []string{goldenCode[:66], goldenCode + "0", goldenCode[:66] + "0", goldenCode[:60] + "!" + goldenCode[61:]} {
		_, err := ParseInvite(code)
		for n := 0; n+6 <= len(code); n++ {
			if strings.Contains(err.Error(), code[n:n+6]) {
				t.Errorf("%v repeats %s", err, code[n:n+6])
			}
		}
	}
}

func TestAnyOneTypoAndAnySwapInACodeIsNoticed(t *testing.T) {
	accepted := func(text string) bool { _, err := ParseInvite(text); return err == nil }
	checkEveryTypo(t, goldenCode, len(codePrefix), accepted)
	checkEveryTypo(t, Invite{}.Code(), len(codePrefix), accepted)
}

func TestEveryInviteIsAnotherAndSurvivesItsCode(t *testing.T) {
	seen := map[[5]byte]bool{}
	rapid.Check(t, func(t *rapid.T) {
		id := genID().Draw(t, "id")
		i, err := NewInvite(id)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseInvite(i.Code())
		if err != nil || got != i || !got.Matches(id) || got.Key() != i.Key() {
			t.Fatalf("ParseInvite = %v, %v, want %v", got, err, i)
		}
		if seen[i.ID] || i.Secret == (Secret{}) {
			t.Fatalf("%v comes twice or has no secret", i)
		}
		seen[i.ID] = true
	})
}

func TestInviteNeverShowsItsSecret(t *testing.T) {
	i := goldenInvite(t)
	key := i.Key()
	for _, v := range []any{i, &i, i.Secret, key, &key, []Invite{i}, map[string]ProofKey{"k": key}} {
		text := shown(t, v)
		wantHidden(t, text, i.Secret[:])
		wantHidden(t, text, key[:])
		if strings.Contains(text, goldenCode[44:52]) {
			t.Errorf("%T shows its code", v)
		}
	}
	if want := "invite 04106105 of ACSJKV1"; i.String() != want || i.GoString() != want {
		t.Errorf("String = %q, want %q", i, want)
	}
}

func TestProofKeyIsStoredAsItsBytes(t *testing.T) {
	key := goldenInvite(t).Key()
	if got := hex.EncodeToString(key[:]); got != goldenKey {
		t.Errorf("Key = %s, want %s", got, goldenKey)
	}
	b, err := cbor.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	var got ProofKey
	if err := cbor.Unmarshal(b, &got); err != nil || got != key || len(b) != 34 {
		t.Errorf("CBOR of %d bytes reads back wrong: %v", len(b), err)
	}
}

func FuzzParseInvite(f *testing.F) {
	f.Add(goldenCode)
	f.Add("bm1-")
	f.Add("BM1 oil\n-")
	f.Fuzz(func(t *testing.T, code string) {
		i, err := ParseInvite(code)
		if err != nil {
			return
		}
		if again, err := ParseInvite(i.Code()); again != i || err != nil {
			t.Errorf("%q gives %v, which gives %v, %v", code, i, again, err)
		}
	})
}
