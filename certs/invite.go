package certs

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// Invite lets one appliance join: the inviter hands its code to a person, who
// gives it to the joiner. How long and how often it is good is the inviter's to
// hold. Printed, it shows no secret.
type Invite struct {
	Inviter [16]byte // the first bytes of the inviter's ID
	ID      [5]byte  // which of the inviter's invites; no secret
	Secret  Secret
}

const (
	codePrefix = "bm1-" // the 1 is the version
	codeSize   = 39     // bytes: inviter 16, id 5, secret 16, checksum 2
	codeBody   = codeSize - 2
	codeText   = 63    // characters after the prefix; the last three bits are zero
	codePrime  = 65521 // the largest below 1<<16
	// codeLimit bounds what is looked at, in bytes: a code, spaced out generously.
	codeLimit = 1024
	codeSkip  = " \t\r\n-"
)

// NewInvite makes an invite with a fresh ID and secret.
func NewInvite(inviter ID) (Invite, error) {
	i := Invite{Inviter: inviter.Prefix()}
	if _, err := rand.Read(i.ID[:]); err != nil {
		return Invite{}, fmt.Errorf("new invite: %w", err)
	}
	if _, err := rand.Read(i.Secret[:]); err != nil {
		return Invite{}, fmt.Errorf("new invite: %w", err)
	}
	return i, nil
}

// Code returns the line a person carries to the joiner: "bm1-" and 63
// characters of Crockford's base32, which begin with the inviter's short ID.
// They hold inviter, id, secret and a checksum (2 bytes, big-endian) for which
// all 39 bytes, read as one number, leave 1 when divided by 65521. Whoever
// reads it can join.
func (i Invite) Code() string {
	b := make([]byte, 0, codeSize)
	b = append(b, i.Inviter[:]...)
	b = append(b, i.ID[:]...)
	b = append(b, i.Secret[:]...)
	c := checksum(b, 16, codePrime)
	b = append(b, byte(c>>8), byte(c))
	return codePrefix + crockford.EncodeToString(b)
}

// ParseInvite reads the code of [Invite.Code] in either case, broken by spaces,
// line ends or dashes anywhere after the prefix, with O for 0 and I or L for 1.
// The error says what is wrong without repeating the code; any one mistyped and
// any two swapped characters are noticed.
func ParseInvite(code string) (Invite, error) {
	digits, err := codeDigits(strings.TrimSpace(code))
	if err != nil {
		return Invite{}, fmt.Errorf("parse invite: %w", err)
	}
	var b [codeSize]byte
	if _, err := crockford.Decode(b[:], []byte(digits)); err != nil {
		return Invite{}, fmt.Errorf("parse invite: %w", err)
	}
	i := Invite{Inviter: [16]byte(b[:16]), ID: [5]byte(b[16:21]), Secret: Secret(b[21:codeBody])}
	if i.Code() != codePrefix+digits {
		return Invite{}, fmt.Errorf("parse invite: %w", errMistyped)
	}
	return i, nil
}

// codeDigits returns the 63 characters after the prefix, normalized.
func codeDigits(code string) (string, error) {
	n := len(codePrefix) - len("-") // the dash may get lost like any other
	switch {
	case code == "":
		return "", errors.New("no code")
	case len(code) > codeLimit:
		return "", fmt.Errorf("too long: %d bytes", len(code))
	case len(code) < n || !strings.EqualFold(code[:n-1], codePrefix[:n-1]):
		return "", errors.New("not an invite: a code begins with " + codePrefix)
	case code[n-1] != codePrefix[n-1]:
		return "", fmt.Errorf("unknown version %q: this btrmesh reads version %q", code[n-1], codePrefix[n-1])
	}
	return normalize(code[n:], codeText, codeSkip)
}

// Matches reports whether id may be the inviter's. It is certain of it but for
// 128 bits of the hash, which nobody can look for a second key to.
func (i Invite) Matches(id ID) bool { return id.Prefix() == i.Inviter }

// Key returns what both ends prove the secret with:
// SHA-256("btrmesh/invite/v1\0" ‖ secret).
func (i Invite) Key() ProofKey {
	h := sha256.New()
	h.Write([]byte("btrmesh/invite/v1\x00"))
	h.Write(i.Secret[:])
	return ProofKey(h.Sum(nil))
}

// String names the invite by its id and inviter.
func (i Invite) String() string {
	return "invite " + crockford.EncodeToString(i.ID[:]) + " of " + shortPrefix(i.Inviter)
}

// GoString implements [fmt.GoStringer] with the text of [Invite.String].
func (i Invite) GoString() string { return i.String() }

// LogValue implements [slog.LogValuer] with the text of [Invite.String].
func (i Invite) LogValue() slog.Value { return slog.StringValue(i.String()) }
