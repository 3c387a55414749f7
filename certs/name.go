package certs

import (
	"errors"
	"fmt"
)

// nameLimit is the longest name, in bytes: one DNS label.
const nameLimit = 63

// CheckName says what is wrong with the name of an appliance, which is a label
// for people: [a-z0-9][a-z0-9._-]{0,62}.
func CheckName(name string) error {
	if name == "" {
		return errors.New("check name: it is empty")
	}
	if len(name) > nameLimit {
		return fmt.Errorf("check name: %d bytes, the most is %d", len(name), nameLimit)
	}
	for i, r := range name {
		if !nameRune(r, i == 0) {
			return fmt.Errorf("check name %q: %q at position %d; use a-z, 0-9 and, but first, . _ -", name, r, i+1)
		}
	}
	return nil
}

func nameRune(r rune, first bool) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
		return true
	case r == '.', r == '_', r == '-':
		return !first
	}
	return false
}
