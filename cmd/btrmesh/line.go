package main

import (
	"fmt"

	"btrmesh/mesh/control"
)

func runApplianceLanes(s *session) error {
	a, err := s.client.SetLanes(s.ctx, control.SetLanes{Appliance: s.arg(0), Lanes: s.arg(1), Dry: control.Dry{DryRun: s.dry}})
	return changed(s, a, err, a.Value.Plan, s.lanesLines)
}

func runApplianceLimit(s *session) error {
	rate, ok := parseRate(s.arg(1))
	if !ok {
		return withUsage(s.line, control.BadRate("the limit", s.arg(1)))
	}
	a, err := s.client.SetLimit(s.ctx, control.SetLimit{Appliance: s.arg(0), LimitBytesPerSecond: rate, Dry: control.Dry{DryRun: s.dry}})
	return changed(s, a, err, a.Value.Plan, s.limitLines)
}

// lanesLines says what carries data from now on.
func (s *session) lanesLines(c control.LineChange) []string {
	switch {
	case c.Unchanged:
		return []string{fmt.Sprintf("lanes to %s are %s already.", c.Appliance, c.Lanes)}
	case c.Lanes == control.LanesAuto:
		return []string{fmt.Sprintf("✓ data to %s goes over quic, or over tcp where that carries more; from the next run on.", c.Appliance)}
	}
	return []string{
		fmt.Sprintf("✓ data to %s goes over %s alone, from the next run on.", c.Appliance, c.Lanes),
		fmt.Sprintf("  Undo: btrmesh appliance lanes %s auto", c.Appliance),
	}
}

// limitLines says how much may go to an appliance from now on.
func (s *session) limitLines(c control.LineChange) []string {
	if c.Unchanged {
		return []string{fmt.Sprintf("the limit to %s is %s already.", c.Appliance, s.limitText(c.LimitBytesPerSecond))}
	}
	acts := "."
	if c.Runs > 0 {
		acts = fmt.Sprintf("; %s under way at once.", control.Count(c.Runs, "run"))
	}
	if c.LimitBytesPerSecond == nil {
		return []string{fmt.Sprintf("✓ no limit on what goes from here to %s%s", c.Appliance, acts)}
	}
	return []string{
		fmt.Sprintf("✓ all that goes from here to %s takes at most %s together%s", c.Appliance, s.limitText(c.LimitBytesPerSecond), acts),
		fmt.Sprintf("  Undo: btrmesh appliance limit %s off", c.Appliance),
	}
}
