package certs

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNamesAreThoseOfThePattern(t *testing.T) {
	pattern := regexp.MustCompile(`\A[a-z0-9][a-z0-9._-]{0,62}\z`)
	name := rapid.OneOf(
		rapid.String(),
		rapid.StringOfN(rapid.RuneFrom([]rune("az09._-A \n")), 0, 4, -1),
		rapid.StringMatching(`[a-z0-9][a-z0-9._-]{55,70}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		s := name.Draw(t, "name")
		if err := CheckName(s); (err == nil) != pattern.MatchString(s) {
			t.Fatalf("CheckName(%q) = %v", s, err)
		}
	})
}

func TestWrongNameIsRefusedWithTheReason(t *testing.T) {
	for name, want := range map[string]string{
		"":                      "empty",
		"-nas":                  `'-' at position 1`,
		"Nas":                   `'N' at position 1`,
		"nas a":                 `' ' at position 4`,
		"nas\x1b[2J":            `'\x1b' at position 4`,
		strings.Repeat("a", 64): "64 bytes, the most is 63",
	} {
		if err := CheckName(name); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("CheckName(%q) = %v, want %q", name, err, want)
		}
	}
}
