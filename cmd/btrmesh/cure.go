package main

import (
	"strings"

	"btrmesh/mesh/control"
)

// cure adds the hints that only the command line can give, since they repeat
// the line.
func cure(e *control.Error, args []string) *control.Error {
	if len(e.Hints) > 0 {
		return e
	}
	switch e.Code {
	case control.CodeReadOnlyUser:
		return e.Hint("%s", withSudo(args))
	case control.CodeSocketDenied:
		return e.Hint("%s", withSudo(args)).Hint("sudo usermod -aG btrmesh $USER")
	}
	return e
}

// withSudo returns the line as it may be pasted to run as root.
func withSudo(args []string) string {
	words := []string{"sudo", "btrmesh"}
	for _, arg := range args[1:] {
		words = append(words, quote(arg))
	}
	return strings.Join(words, " ")
}

// quote returns word as a shell takes it.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=@:,+", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
