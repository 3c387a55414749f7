package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
	"btrmesh/mesh/plan"
)

// off is the word for no limit, and no window.
const off = "off"

// rateValue is a bound in bytes per second.
type rateValue struct {
	rejected
	what  string // "--bwlimit"
	bytes int64  // 0: off, or not given
}

func (v *rateValue) String() string { return number(v.bytes) }

// Set reads a RATE such as 5M, 500KB, or off.
func (v *rateValue) Set(text string) error {
	n, ok := parseRate(text)
	if !ok {
		return v.reject(control.BadRate(v.what, text))
	}
	v.bytes = n
	return nil
}

// parseRate reads a size per second, or off, which is 0.
func parseRate(text string) (int64, bool) {
	if text == off {
		return 0, true
	}
	n, ok := parseSize(strings.TrimSuffix(text, "/s"))
	return n, ok && n >= control.LeastRate
}

// windowValue is a part of the day, and the bound for the rest of it.
type windowValue struct {
	rejected
	window  string // empty: any time, or not given
	outside int64  // 0: no run outside of the window
}

func (v *windowValue) String() string { return v.window }

// Set reads 22:00-06:00, 22:00-06:00,outside=2M, or off.
func (v *windowValue) Set(text string) error {
	if text == off {
		v.window, v.outside = "", 0
		return nil
	}
	window, outside, slower := strings.Cut(text, ",outside=")
	w, err := plan.ParseWindow(window)
	if err != nil {
		return v.reject(control.BadWindow(text, clauseOf(err)))
	}
	v.window, v.outside = w.String(), 0
	if slower {
		n, ok := parseRate(outside)
		if !ok || n == 0 {
			return v.reject(control.BadRate("outside", outside))
		}
		v.outside = n
	}
	return nil
}

// clauseOf is what an error says after the operation and its subject.
func clauseOf(err error) string {
	text := err.Error()
	return text[strings.LastIndex(text, `": `)+len(`": `):]
}

// paceFlags say when a task may send, and how fast.
func paceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.GenericFlag{Name: "bwlimit", Value: &rateValue{what: "--bwlimit"}, DefaultText: off, Usage: "send at most `RATE` bytes per second (500K, 5M, off), counted on the wire"},
		&cli.GenericFlag{Name: "window", Value: &windowValue{}, DefaultText: off, Usage: "send at `HOURS` only (22:00-06:00), or slower outside of them (22:00-06:00,outside=2M); off: any time"},
	}
}

// pace returns what the flags of paceFlags say.
func (s *session) pace() (control.Pace, error) {
	limit, err := value[*rateValue](s.line, "bwlimit")
	window, err2 := value[*windowValue](s.line, "window")
	if err := errors.Join(err, err2); err != nil {
		return control.Pace{}, err
	}
	return control.Pace{LimitBytesPerSecond: limit.bytes, Window: window.window, OutsideBytesPerSecond: window.outside}, nil
}

// limitText is "off" or "5.0 MiB/s".
func (s *session) limitText(bytesPerSecond *int64) string {
	if bytesPerSecond == nil || *bytesPerSecond == 0 {
		return off
	}
	return s.units.Rate(float64(*bytesPerSecond))
}

// windowText is "any time", "22:00-06:00", or that with the limit outside.
func (s *session) windowText(window string, outside *int64) string {
	switch {
	case window == "":
		return "any time"
	case outside == nil || *outside == 0:
		return window
	}
	return fmt.Sprintf("%s, outside at %s", window, s.limitText(outside))
}

// paceNotes are the limit and the window of a task in words, those that there are.
func (s *session) paceNotes(t control.Task) []string {
	var notes []string
	if t.LimitBytesPerSecond != nil {
		notes = append(notes, "limit "+s.limitText(t.LimitBytesPerSecond))
	}
	if t.Window != "" {
		notes = append(notes, "window "+s.windowText(t.Window, t.OutsideBytesPerSecond))
	}
	return notes
}
