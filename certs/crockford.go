package certs

import (
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
)

// alphabet is Crockford's base32: no I, L, O or U, so that nothing read aloud
// or from paper is mistaken. https://www.crockford.com/base32.html
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

var crockford = base32.NewEncoding(alphabet).WithPadding(base32.NoPadding)

var errMistyped = errors.New("mistyped: the check digits do not agree")

// normalize returns text in the alphabet, upper case, with O read as 0 and I
// and L as 1, and without any character of skip. It fails on another character
// and unless size characters are left; it never repeats more of a possibly
// secret text than one foreign character.
func normalize(text string, size int, skip string) (string, error) {
	b := make([]byte, 0, size)
	n := 0
	for i, r := range text {
		if strings.ContainsRune(skip, r) {
			continue
		}
		c, ok := digit(r)
		if !ok {
			return "", fmt.Errorf("character %d is %q, which is not used", i+1, r)
		}
		if n++; n <= size {
			b = append(b, c)
		}
	}
	switch {
	case n < size:
		return "", fmt.Errorf("too short: %d of %d characters", n, size)
	case n > size:
		return "", fmt.Errorf("too long: %d characters instead of %d", n, size)
	}
	return string(b), nil
}

func digit(r rune) (byte, bool) {
	switch {
	case r >= 'a' && r <= 'z':
		r -= 'a' - 'A'
	case r > 'Z':
		return 0, false
	}
	switch r {
	case 'O':
		r = '0'
	case 'I', 'L':
		r = '1'
	}
	return byte(r), strings.ContainsRune(alphabet, r)
}

// checksum returns the c in [0, prime) that makes b, read as one big-endian
// number and shifted left by shift bits, leave 1 when c is added and the sum
// divided by prime (the way of ISO/IEC 7064). A base32 text of that sum with any
// one character changed, or any two different ones swapped, leaves something
// else, as long as the powers of 32 differ modulo prime over its whole length.
func checksum(b []byte, shift uint, prime uint32) uint32 {
	var r uint64
	for _, x := range b {
		r = (r<<8 | uint64(x)) % uint64(prime)
	}
	r = (r << shift) % uint64(prime)
	return uint32((uint64(prime) + 1 - r) % uint64(prime))
}
