package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"btrmesh/mesh/control"
)

// How often progress is printed: on a terminal, and elsewhere, where a tenth
// done is told of too.
const (
	repaintInterval = 400 * time.Millisecond
	lineInterval    = 30 * time.Second
)

// barWidth is the number of characters in the brackets.
const barWidth = 24

// eraseLine goes to the line's beginning and erases it (ECMA-48).
const eraseLine = "\r\x1b[K"

// progressBar shows one run: in one line on a terminal, else in lines now and
// then. With --quiet it shows nothing.
type progressBar struct {
	s       *session
	painted time.Time // on a terminal: when the line was painted
	pace    pace
}

func newProgressBar(s *session) *progressBar { return &progressBar{s: s} }

// show prints p, as of now, if it is time to.
func (b *progressBar) show(p control.Progress, now time.Time) error {
	if b.s.quiet || p.Result != nil {
		return nil
	}
	if !b.s.err.terminal {
		if !b.pace.due(p, now) {
			return nil
		}
		return b.s.note("%s %s", b.s.local(now).Format(time.TimeOnly), b.s.progressLine(p))
	}
	if t := time.Now(); t.Sub(b.painted) >= repaintInterval {
		b.painted = t
		line := shorten(b.s.barLine(p), b.s.err.width)
		_, err := io.WriteString(b.s.err.w, eraseLine+control.Plain(line))
		return err
	}
	return nil
}

// clear removes the line from the terminal.
func (b *progressBar) clear() error {
	if b.painted.IsZero() {
		return nil
	}
	_, err := io.WriteString(b.s.err.w, eraseLine)
	return err
}

// pace decides when a line of progress is due where there is no terminal.
type pace struct {
	told  time.Time
	tenth int
}

// due tells whether p is to be printed, and takes it as printed. The first is
// not, so that a short run prints its result alone.
func (c *pace) due(p control.Progress, now time.Time) bool {
	f, _ := p.Fraction()
	tenth := int(f * 10)
	if c.told.IsZero() {
		c.told, c.tenth = now, tenth
		return false
	}
	if now.Sub(c.told) < lineInterval && tenth <= c.tenth {
		return false
	}
	c.told, c.tenth = now, max(c.tenth, tenth)
	return true
}

// progressLine is "photos-nas-b 4.7% 3.0 GiB / ~64.0 GiB 103 MiB/s ETA 10m06s".
func (s *session) progressLine(p control.Progress) string {
	if p.Reason != "" {
		return p.Task + " " + because(p.State, p.Reason)
	}
	return p.Task + " " + strings.Join(s.figures(p), " ")
}

// barLine is the line for a terminal.
func (s *session) barLine(p control.Progress) string {
	title := p.Task
	if p.Share != "" {
		title = p.Share + " → " + p.Target
	}
	if p.Reason != "" {
		return title + "  " + because(p.State, p.Reason)
	}
	figures := "  " + strings.Join(s.figures(p), "  ")
	f, known := p.Fraction()
	bar := "  [" + bar(f) + "]"
	if !known || utf8.RuneCountInString(title+bar+figures) > s.err.width {
		bar = ""
	}
	return title + bar + figures
}

// bar draws a part of a whole.
func bar(fraction float64) string {
	full := int(fraction * barWidth)
	return strings.Repeat("█", full) + strings.Repeat("░", barWidth-full)
}

// figures lists percent, bytes, rate and time left, as far as known.
func (s *session) figures(p control.Progress) []string {
	var list []string
	if f, ok := p.Fraction(); ok {
		total := *p.EstimateBytes
		list = append(list, fmt.Sprintf("%.1f%%", f*100), fmt.Sprintf("%s / ~%s", s.units.Size(min(p.DoneBytes, total)), s.units.Size(total)))
	} else {
		list = append(list, s.units.Size(p.DoneBytes))
	}
	rate := unknown
	if p.BytesPerSecond != nil {
		rate = s.units.Rate(*p.BytesPerSecond)
	}
	list = append(list, rate)
	if p.AtLimit {
		list = append(list, s.atLimit(p))
	}
	return append(list, "ETA "+eta(p))
}
