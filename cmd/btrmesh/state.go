package main

import (
	"fmt"
	"strings"
	"time"

	"btrmesh/mesh/control"
)

// stateOf says where a task stands, as lists show it.
func (s *session) stateOf(t control.Task) string {
	switch {
	case t.State == control.StateSending:
		return string(t.State) + s.percent(t.Progress)
	case t.State == control.StateDisabled && !t.ChangedAt.IsZero():
		return string(t.State) + " " + s.local(t.ChangedAt).Format(time.DateOnly)
	}
	return because(t.State, t.Reason)
}

// outlook is stateOf with what comes next, as the status shows it.
func (s *session) outlook(t control.Task, now time.Time) string {
	if t.State == control.StateSending && t.Progress != nil {
		return string(t.State) + " " + s.advance(*t.Progress)
	}
	text := s.stateOf(t)
	if t.NextAt.IsZero() || !t.Enabled || t.State == control.StatePaused {
		return text
	}
	what := "next try in"
	if t.State == control.StateOK {
		what = "next in"
	}
	next := fmt.Sprintf("%s %s", what, control.Duration(max(0, t.NextAt.Sub(now))))
	if strings.Contains(text, next) {
		return text
	}
	return text + ", " + next
}

// because joins a state and its reason.
func because(state control.State, reason string) string {
	if reason == "" {
		return string(state)
	}
	if state == control.StatePaused { // "paused until 22:00"
		return string(state) + " " + reason
	}
	return string(state) + ": " + reason
}

// percent is " 61%", or nothing when it is not known.
func (s *session) percent(p *control.Progress) string {
	if p == nil {
		return ""
	}
	f, ok := p.Fraction()
	if !ok {
		return ""
	}
	return fmt.Sprintf(" %d%%", int(f*100))
}

// advance says how far a run has come: "61%, 39.3 of ~64.0 GiB, 105 MiB/s, ETA
// 4m01s".
func (s *session) advance(p control.Progress) string {
	var parts []string
	if f, ok := p.Fraction(); ok {
		total := *p.EstimateBytes
		parts = append(parts, fmt.Sprintf("%d%%", int(f*100)), s.units.Of(min(p.DoneBytes, total), total))
	} else {
		parts = append(parts, s.units.Size(p.DoneBytes))
	}
	if p.BytesPerSecond != nil {
		parts = append(parts, s.units.Rate(*p.BytesPerSecond))
	}
	if p.AtLimit {
		parts = append(parts, s.atLimit(p))
	}
	if left := eta(p); left != unknown {
		parts = append(parts, "ETA "+left)
	}
	return strings.Join(parts, ", ")
}

// atLimit is "at the limit of 5.0 MiB/s".
func (s *session) atLimit(p control.Progress) string {
	return "at the limit of " + s.limitText(p.LimitBytesPerSecond)
}

// eta is the time the rest will take: ">2d" for long, "-" when unknown.
func eta(p control.Progress) string {
	left, ok := p.Remaining()
	switch {
	case !ok:
		return unknown
	case left > 48*time.Hour:
		return ">2d"
	}
	return control.Duration(left.Truncate(time.Second))
}

// replicaState says where a replica stands.
func (s *session) replicaState(r control.Replica) string {
	if r.State == control.StateReceiving {
		return string(r.State) + s.percent(r.Progress)
	}
	return because(r.State, r.Reason)
}

// outcome says how a run ended, with what made up for a failure.
func (s *session) outcome(r control.Run) string {
	if !r.Result.Final() {
		if r.Progress != nil && r.Progress.Reason != "" {
			return because(r.Progress.State, r.Progress.Reason)
		}
		return string(control.StateSending) + s.percent(r.Progress) + s.company(r.Company, r.Target)
	}
	text := string(r.Result)
	switch {
	case r.Result == control.ResultPaused:
		text += prefixed(" ", r.Reason)
	case r.Reason != "":
		text += ": " + r.Reason
	}
	if r.ResumedBytes > 0 {
		text += "; resumed from " + s.units.Size(r.ResumedBytes)
	}
	if r.MadeUpBy != 0 {
		text += fmt.Sprintf("; %d made up for it", r.MadeUpBy)
	}
	return text + s.company(r.Company, r.Target)
}

// company says with whom a run was sent to target, and whether that was too slow
// for the others; "" when it was sent by itself.
func (s *session) company(c control.Company, target string) string {
	text := prefixed("; sent together with ", strings.Join(c.Together, ", "))
	if c.ApartBytes > 0 {
		text += fmt.Sprintf("; sent separately from %s on: %s was slower", s.units.Size(c.ApartBytes), target)
	}
	return text
}

// resultTone is the colour of a result.
func resultTone(r control.Result) tone {
	switch r {
	case control.ResultOK:
		return good
	case control.ResultFailed, control.ResultRefused:
		return bad
	case control.ResultCancelled, control.ResultPaused:
		return warning
	case control.ResultRunning:
		return busy
	case control.ResultUnchanged:
	}
	return neutral
}
