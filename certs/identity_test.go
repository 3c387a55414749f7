package certs

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func testIdentity(t *testing.T, key ed25519.PrivateKey) *Identity {
	t.Helper()
	i, err := newIdentity(key)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// stranger returns an identity nobody has heard of; tests make members of some.
func stranger(t *testing.T) *Identity {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return testIdentity(t, key)
}

// shown is all that printing, logging and JSON make of v, in many ways.
func shown(t *testing.T, v any) string {
	t.Helper()
	var b strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b"} {
		fmt.Fprintf(&b, verb+"\n", v)
		fmt.Fprintf(&b, verb+"\n", []any{&v, struct{ Field any }{v}})
	}
	text := slog.New(slog.NewTextHandler(&b, nil))
	text.Info("m", "v", v, "in", struct{ Field any }{v})
	asJSON := slog.New(slog.NewJSONHandler(&b, nil))
	asJSON.Info("m", "v", v, "in", struct{ Field any }{v})
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// wantHidden fails if text holds secret in a form print or an encoder makes.
func wantHidden(t *testing.T, text string, secret []byte) {
	t.Helper()
	for _, verb := range []string{"%d", "%x", "%o", "%b", "%#v"} {
		form := strings.Trim(fmt.Sprintf(verb, secret[:8]), "[]")
		form = strings.TrimSuffix(strings.TrimPrefix(form, "[]byte{"), "}")
		for _, form := range []string{form, strings.ReplaceAll(form, " ", ",")} {
			if strings.Contains(strings.ToLower(text), form) {
				t.Errorf("the secret is shown as %s", form)
			}
		}
	}
	for _, form := range []string{string(secret[:8]), base64.StdEncoding.EncodeToString(secret[:6])} {
		if strings.Contains(text, form) {
			t.Errorf("the secret is shown as %q", form)
		}
	}
}

func TestSecretsAreFoundWhereTheyAreShown(t *testing.T) {
	secret := []byte("\xfe\xdc\xba\x98\x76\x54\x32\x10")
	for _, text := range []string{
		fmt.Sprintf("%v", secret), fmt.Sprintf("%X", secret), fmt.Sprintf("%#v", secret), `{"a":[254,220,186,152,118,84,50,16]}`,
	} {
		inner := &testing.T{}
		if wantHidden(inner, text, secret); !inner.Failed() {
			t.Errorf("the check above would miss %s", text)
		}
	}
}

func TestIdentityNeverShowsItsKey(t *testing.T) {
	i := testIdentity(t, rfcKey(t))
	text := shown(t, i) + shown(t, *i)
	reset, token := i.ResetKey(), i.TokenKey()
	for _, secret := range [][]byte{unhex(t, rfcSeed), reset[:], token[:]} {
		wantHidden(t, text, secret)
	}
	if !strings.Contains(text, rfcIDText) {
		t.Error("the log does not say whose identity it is")
	}
}

func TestQUICKeysAreTheSameAfterEveryStart(t *testing.T) {
	i := testIdentity(t, rfcKey(t))
	reset, token := i.ResetKey(), i.TokenKey()
	if got, want := hex.EncodeToString(reset[:]), "7e91c102e443a7e73d2c28775e299a2d83686aabcbb238452f3a94214b4fd46c"; got != want {
		t.Errorf("ResetKey = %s, want %s", got, want)
	}
	if got, want := hex.EncodeToString(token[:]), "53d14a0e06c58b424b6822d72c60b519492cb8b290ee05e05cdbbb0c66891607"; got != want {
		t.Errorf("TokenKey = %s, want %s", got, want)
	}
}

func TestSignatureIsVerifiedByThePublicKey(t *testing.T) {
	i := stranger(t)
	key := i.PublicKey()
	if !ed25519.Verify(key, []byte("hello"), i.Sign([]byte("hello"))) {
		t.Error("own signature does not verify")
	}
	key[0] ^= 1
	if bytes.Equal(key, i.PublicKey()) || IDOf(i.PublicKey()) != i.ID() {
		t.Error("a caller changed the identity by its copy of the key")
	}
}

func TestCertificateIsValidUnderAnyClock(t *testing.T) {
	leaf := stranger(t).held.certificate.Leaf
	if leaf.NotBefore.Unix() != 0 || leaf.NotAfter.Year() != 9999 {
		t.Errorf("valid from %s to %s", leaf.NotBefore, leaf.NotAfter)
	}
}
