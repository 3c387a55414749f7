package main

import (
	"fmt"
	"strings"

	"btrmesh/mesh/control"
)

func runApplianceRemove(s *session) error {
	req := control.RemoveAppliance{
		Appliance: s.arg(0), Lost: s.has("lost"), Also: s.many("also"), Dry: control.Dry{DryRun: s.dry},
	}
	if !s.dry && !s.has("yes") {
		if err := s.confirmRemoval(req); err != nil {
			return err
		}
	}
	a, err := s.client.RemoveAppliance(s.ctx, req)
	return changed(s, a, err, a.Value.Plan, removedLines)
}

// confirmRemoval asks after saying what a removal would mean.
func (s *session) confirmRemoval(req control.RemoveAppliance) error {
	req.DryRun = true
	a, err := s.client.RemoveAppliance(s.ctx, req)
	if err != nil {
		return err
	}
	p := a.Value.Plan
	switch {
	case p == nil || p.Removal == nil:
		return control.Errorf(control.CodeInternal, "the daemon made no plan.")
	case p.Refused != nil:
		return p.Refused
	}
	r := *p.Removal
	first := fmt.Sprintf("%s (%s) would be removed from the mesh, on every appliance and for good.", r.Appliance, shortID(r.ID).text)
	if r.Self {
		first = fmt.Sprintf("%s, this appliance, would leave the mesh for good.", r.Appliance)
	}
	return s.confirm("appliance", r.Appliance, append([]string{first}, factLines(removalFacts(r))...)...)
}

// removalFacts says what removing an appliance would mean.
func removalFacts(r control.RemovalPreview) []control.Fact {
	facts := []control.Fact{{Name: "members", Text: control.Count(int64(len(r.Members)), "appliance") + " left: " + strings.Join(r.Members, ", ")}}
	add := func(name string, list []string, format string) {
		if len(list) > 0 {
			facts = append(facts, control.Fact{Name: name, Text: fmt.Sprintf(format, strings.Join(list, ", "))})
		}
	}
	add("admitted", r.Admitted, "%s; what "+r.Appliance+" admitted stays, unless named by --also")
	add("also", r.Also, "%s would be removed with it")
	add("tasks", r.Tasks, "%s would run no more")
	add("replicas", r.Replicas, "%s would stay as they are, and receive nothing more")
	add("held", r.Held, "the removal by %s, which is held here, would be approved")
	return append(facts, control.Fact{Name: "way back", Text: "a new identity and a new invite; nothing else"})
}

// removedLines says what a removal brought about.
func removedLines(c control.MemberChange) []string {
	if c.Unchanged {
		return []string{c.Appliance + " was removed before; nothing changed."}
	}
	lines := []string{"✓ " + c.Appliance + " is removed. Every appliance that can be reached knows within seconds."}
	if c.Self {
		lines[0] = "✓ " + c.Appliance + " has left the mesh. To come back it needs a new identity and a new invite."
	}
	if len(c.Also) > 0 {
		lines = append(lines, "  Removed with it: "+strings.Join(c.Also, ", ")+".")
	}
	if len(c.Stay) > 0 {
		lines = append(lines, "  Admitted by it, and members still: "+strings.Join(c.Stay, ", ")+".")
	}
	if c.StoppedRuns > 0 {
		lines = append(lines, "  "+control.Count(c.StoppedRuns, "running transfer")+" ended.")
	}
	if len(c.Decided) > 0 {
		lines = append(lines, "  The removal by "+strings.Join(c.Decided, ", ")+" is approved here.")
	}
	if c.Self {
		return lines
	}
	return append(lines, "  Elsewhere it is final; to keep it on this appliance alone: btrmesh appliance keep "+c.Appliance)
}

func runApplianceKeep(s *session) error {
	a, err := s.client.KeepAppliance(s.ctx, control.KeepAppliance{Appliance: s.arg(0), Dry: control.Dry{DryRun: s.dry}})
	return changed(s, a, err, a.Value.Plan, keptLines)
}

// keptLines says what keeping an appliance brought about.
func keptLines(c control.MemberChange) []string {
	switch {
	case c.Twin:
		return []string{
			"✓ this machine is the real " + c.Appliance + ", and receives again.",
			"  On the copy: stop btrmesh and give it a new identity: remove its state directory, then pair it anew.",
		}
	case c.Unchanged:
		return []string{c.Appliance + " is a member, and nobody removes it; nothing changed."}
	}
	lines := []string{"✓ " + c.Appliance + " stays a member here, whatever others decide."}
	if len(c.Decided) > 0 {
		lines = append(lines, "  The removal by "+strings.Join(c.Decided, ", ")+" is refused here.")
	}
	return append(lines,
		"  Other appliances decide for themselves; there too: btrmesh appliance keep "+c.Appliance,
		"  Undo: btrmesh appliance remove "+c.Appliance)
}
