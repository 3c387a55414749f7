package main

import (
	"fmt"
	"strings"

	"btrmesh/mesh/control"
)

// transcript is what a demo prints: its own lines, and between them what the
// commands print. After an error nothing more is printed.
type transcript struct {
	out   screen
	units control.Units
	err   error // the first
}

// say prints a line.
func (t *transcript) say(format string, args ...any) { t.paint(neutral, format, args...) }

// title begins a new part.
func (t *transcript) title(number int, text string) {
	t.say("")
	t.paint(busy, "%d. %s", number, text)
}

// prompt prints a command as it is typed on an appliance.
func (t *transcript) prompt(appliance string, args []string) {
	t.paint(faint, "%s$ btrmesh %s", appliance, strings.Join(args, " "))
}

func (t *transcript) paint(c tone, format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintln(t.out.w, t.out.paint(c, control.Plain(fmt.Sprintf(format, args...))))
	}
}
