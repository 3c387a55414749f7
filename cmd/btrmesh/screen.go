package main

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// fallbackWidth is the width of a terminal that does not tell.
const fallbackWidth = 80

// screen is where a command prints: a terminal, or a file or pipe.
type screen struct {
	w        io.Writer
	terminal bool
	colour   bool
	width    int // columns; 0 where nothing is shortened
}

// newScreen finds out what w is. plain asks for no colours.
func newScreen(w io.Writer, plain bool) screen {
	s := screen{w: w}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.terminal, s.width = true, widthOf(f)
	}
	s.colour = wantsColour(s.terminal, plain)
	return s
}

// widthOf returns the columns of a terminal; COLUMNS wins.
func widthOf(f *os.File) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
		return n
	}
	return fallbackWidth
}

// wantsColour follows no-color.org and bixense.com/clicolors.
func wantsColour(terminal, plain bool) bool {
	switch {
	case plain, os.Getenv("NO_COLOR") != "":
		return false
	case os.Getenv("CLICOLOR_FORCE") != "" && os.Getenv("CLICOLOR_FORCE") != "0":
		return true
	}
	return terminal && os.Getenv("TERM") != "dumb"
}

// tone is the colour of a word, which always says by itself what it means.
type tone string

// The tones, as SGR parameters (ECMA-48).
const (
	neutral tone = ""
	good    tone = "32"
	busy    tone = "36"
	warning tone = "33"
	bad     tone = "31"
	faint   tone = "2"
)

// paint returns text in a tone.
func (s screen) paint(t tone, text string) string {
	if !s.colour || t == neutral || text == "" {
		return text
	}
	return "\x1b[" + string(t) + "m" + text + "\x1b[0m"
}
