package main

import (
	"fmt"

	"btrmesh/mesh/control"
)

// silences tells, beside a list of the whole mesh, who did not answer and how
// old what is listed of them is.
func (s *session) silences(h control.Head) error {
	for _, one := range h.Silent {
		if s.json {
			break // the list has them
		}
		if err := s.note("%s.", silenceText(one, h)); err != nil {
			return err
		}
	}
	return nil
}

// silenceText is "nas-c did not answer (offline); what is shown of it is as of
// 3h12m ago".
func silenceText(one control.Silence, h control.Head) string {
	why := ""
	if one.Reason != "" {
		why = " (" + one.Reason + ")"
	}
	shown := "nothing of it is shown"
	if !one.AsOf.IsZero() {
		shown = "what is shown of it is as of " + control.Ago(h.Time.Sub(one.AsOf))
	}
	return fmt.Sprintf("%s did not answer%s; %s", one.Appliance, why, shown)
}
