package main

import (
	"strconv"
	"strings"
	"time"

	"btrmesh/mesh/control"
)

// unknown is what stands for a value that is not known.
const unknown = "-"

// word is a cell of text that reads alike for all.
func word(text string) cell {
	if text == "" {
		text = unknown
	}
	return cell{text: text, raw: text}
}

// words is a cell of several values.
func words(list []string) cell { return word(strings.Join(list, ", ")) }

// whole is a cell of a number.
func whole(n int64) cell { return word(strconv.FormatInt(n, 10)) }

// bytes is a cell of a size, which may be unknown.
func (s *session) bytes(n *int64) cell {
	if n == nil {
		return word("")
	}
	return cell{text: s.units.Size(*n), raw: strconv.FormatInt(*n, 10)}
}

// rate is a cell of bytes per second.
func (s *session) rate(perSecond *float64) cell {
	if perSecond == nil {
		return word("")
	}
	return cell{text: s.units.Rate(*perSecond), raw: strconv.FormatFloat(*perSecond, 'f', 0, 64)}
}

// lasting is a cell of a duration in seconds.
func lasting(seconds *float64) cell {
	if seconds == nil {
		return word("")
	}
	return cell{text: control.Duration(control.Seconds(*seconds)), raw: strconv.FormatFloat(*seconds, 'f', -1, 64)}
}

// frequency is a cell of a task's frequency.
func frequency(seconds int64) cell {
	if seconds == 0 {
		return word("")
	}
	n := strconv.FormatInt(seconds, 10)
	return cell{text: n + "s", raw: n}
}

// offset is a cell of a signed difference in seconds.
func offset(seconds *float64) cell {
	if seconds == nil {
		return word("")
	}
	sign := ""
	if *seconds >= 0 {
		sign = "+"
	}
	return cell{
		text: sign + strconv.FormatFloat(*seconds, 'f', 2, 64) + "s",
		raw:  strconv.FormatFloat(*seconds, 'f', -1, 64),
	}
}

// ago is a cell of a moment, for a person as its age at now.
func ago(t, now time.Time) cell {
	if t.IsZero() {
		return word("")
	}
	return cell{text: control.Ago(now.Sub(t)), raw: stamp(t)}
}

// asOf is a cell of how old what is known of another appliance is; the zero
// time is now.
func asOf(t, now time.Time) cell {
	if t.IsZero() {
		t = now
	}
	return ago(t, now)
}

// at is a cell of a moment in full.
func (s *session) at(t time.Time) cell {
	if t.IsZero() {
		return word("")
	}
	return cell{text: s.local(t).Format(time.DateTime), raw: stamp(t)}
}

// on is a cell of a moment, for a person as its day.
func (s *session) on(t time.Time) cell {
	if t.IsZero() {
		return word("")
	}
	return cell{text: s.local(t).Format(time.DateOnly), raw: stamp(t)}
}

// stamp is a moment as programs take it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// local returns t in the zone that times are printed in.
func (s *session) local(t time.Time) time.Time {
	if s.utc {
		return t.UTC()
	}
	return t.Local()
}

// coloured gives a cell the tone of a state.
func coloured(c cell, state control.State) cell {
	switch state {
	case control.StateOK:
		c.tone = good
	case control.StateSending, control.StateReceiving:
		c.tone = busy
	case control.StateLate, control.StateWaiting, control.StatePaused:
		c.tone = warning
	case control.StateFailed, control.StateRefused:
		c.tone = bad
	case control.StateDisabled:
		c.tone = faint
	}
	return c
}
