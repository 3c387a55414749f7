package main

import (
	"fmt"

	"btrmesh/mesh/control"
)

// mark returns what stands in front of a planned action.
func mark(do string) string {
	switch do {
	case control.ActionCreate:
		return "+++"
	case control.ActionDelete:
		return "---"
	case control.ActionFull:
		return "***"
	case control.ActionIncremental:
		return ">>>"
	case control.ActionRefuse:
		return "!!!"
	}
	return "   "
}

// changed prints an answer to a change: its plan if nothing was to change, else
// lines of it unless JSON was asked for.
func changed[T any](s *session, a control.Answer[T], err error, plan *control.Plan, lines func(T) []string) error {
	switch {
	case err != nil:
		return err
	case a.DryRun:
		return s.plan(a.Raw, plan)
	case s.json:
		return s.raw(a.Raw)
	}
	return s.block(lines(a.Value)...)
}

// plan prints what a command would do, and ends as the command would.
func (s *session) plan(raw []byte, p *control.Plan) error {
	if p == nil {
		return control.Errorf(control.CodeInternal, "the daemon made no plan.")
	}
	var err error
	if s.json {
		err = s.raw(raw)
	} else {
		err = s.block(s.planLines(*p)...)
	}
	if err == nil && p.Refused != nil {
		return p.Refused
	}
	return err
}

// planLines is a plan for a person.
func (s *session) planLines(p control.Plan) []string {
	facts := p.Facts
	if p.Task != nil {
		facts = append(s.previewFacts(*p.Task), facts...)
	}
	if p.Removal != nil {
		facts = append(removalFacts(*p.Removal), facts...)
	}
	end := ""
	if len(facts)+len(p.Actions) > 0 {
		end = ":"
	}
	lines := []string{fmt.Sprintf("Would %s (nothing changed)%s", p.Would, end)}
	lines = append(lines, factLines(facts)...)
	for _, a := range p.Actions {
		lines = append(lines, actionLine(a))
	}
	if p.Refused != nil {
		lines = append(lines, "  !!! "+p.Refused.Msg)
	}
	return lines
}

// factLines is a line for each fact.
func factLines(facts []control.Fact) []string {
	lines := make([]string, 0, len(facts))
	for _, f := range facts {
		lines = append(lines, fmt.Sprintf("  %-10s %s", f.Name, f.Text))
	}
	return lines
}

// actionLine is one action with its mark.
func actionLine(a control.Action) string {
	line := fmt.Sprintf("  %s %-9s %s", mark(a.Do), a.Kind, a.Subject)
	if a.Note != "" {
		line += ", " + a.Note
	}
	return line
}

// previewFacts says what was found out about a task that is not there yet.
func (s *session) previewFacts(t control.TaskPreview) []control.Fact {
	facts := []control.Fact{
		{Name: "share", Text: t.Share + ", pool " + t.Pool + s.suffix(", %s referenced", t.ReferencedBytes)},
		{Name: "target", Text: t.Target + ", pool " + t.TargetPool + s.suffix(", %s free", t.FreeBytes) + s.mayWrite(t)},
		{Name: "frequency", Text: fmt.Sprintf("%d s; keep %d here, %s there", t.EverySeconds, t.KeepSource, t.KeepTarget)},
	}
	if t.Pace != (control.Pace{}) {
		facts = append(facts, control.Fact{Name: "pace", Text: fmt.Sprintf("limit %s, window %s",
			s.limitText(&t.LimitBytesPerSecond), s.windowText(t.Window, &t.OutsideBytesPerSecond))})
	}
	if t.FirstKind == "" {
		return facts
	}
	first := t.FirstKind + s.suffix(", ~%s", t.EstimateBytes)
	if t.Starts != "" {
		first += ", starts " + t.Starts
	}
	return append(facts, control.Fact{Name: "first run", Text: first})
}

// suffix puts a size into format, or is empty when it is not known.
func (s *session) suffix(format string, n *int64) string {
	if n == nil {
		return ""
	}
	return fmt.Sprintf(format, s.units.Size(*n))
}

// mayWrite says whether the target lets the source write.
func (s *session) mayWrite(t control.TaskPreview) string {
	if !t.Granted {
		return fmt.Sprintf(", %s may not write", t.Source)
	}
	return fmt.Sprintf(", %s may write%s", t.Source, s.suffix(" (quota %s)", t.QuotaBytes))
}
