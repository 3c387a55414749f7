package mesh

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"btrmesh/mesh/control"
	"btrmesh/mesh/plan"
)

// concerning narrows a status to what has to do with one appliance.
func concerning(st control.Status, given string) (control.Status, error) {
	var names []string
	for _, p := range st.Appliances {
		names = append(names, p.Name)
	}
	name, err := control.Resolve("appliance", given, names)
	if err != nil {
		return st, err
	}
	st.Appliances = keep(st.Appliances, func(p control.Appliance) bool { return p.Name == name })
	st.Send = keep(st.Send, func(t control.Task) bool { return t.Target == name })
	st.Receive = keep(st.Receive, func(r control.Replica) bool { return r.Source == name })
	return st, nil
}

func keep[T any](list []T, want func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), func(v T) bool { return !want(v) })
}

// warnings derives from a status what an operator should know, worst first.
func warnings(st control.Status, missing map[string]error) []control.Warning {
	var list []control.Warning
	if !st.Node.ServiceOn {
		list = append(list, control.Warning{Level: control.Degraded, Text: fmt.Sprintf("the replication service is off on %s.", st.Node.Appliance), Hints: []string{"sudo btrmesh service on"}})
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		list = append(list, control.Warning{Level: control.Degraded, Text: fmt.Sprintf("pool %s cannot be used: %v.", name, missing[name]), Hints: []string{"btrmesh pool list"}})
	}
	for _, t := range st.Send {
		if w, ok := taskWarning(t); ok {
			list = append(list, w)
		}
	}
	for _, p := range st.Appliances {
		if p.State == control.Offline {
			list = append(list, control.Warning{Level: control.Degraded, Text: offlineText(p), Hints: []string{"btrmesh status " + p.Name}})
		}
	}
	slices.SortStableFunc(list, func(a, b control.Warning) int { return level(b) - level(a) })
	return list
}

func level(w control.Warning) int {
	if w.Level == control.Critical {
		return 1
	}
	return 0
}

func offlineText(p control.Appliance) string {
	if p.LastSeenAt.IsZero() {
		return p.Name + " is offline and was never seen."
	}
	return fmt.Sprintf("%s is offline since %s.", p.Name, control.Duration(time.Since(p.LastSeenAt).Round(time.Second)))
}

func taskWarning(t control.Task) (control.Warning, bool) {
	every := time.Duration(t.EverySeconds) * time.Second
	hints := []string{"btrmesh task history " + t.Name}
	switch {
	case !t.Enabled:
		return control.Warning{}, false
	case t.State == control.StateRefused:
		return control.Warning{Level: control.Critical, Text: fmt.Sprintf("%s is refused: %s.", t.Name, t.Reason), Hints: hints}, true
	case t.LagSeconds != nil && plan.Critical(control.Seconds(*t.LagSeconds), every):
		return control.Warning{Level: control.Critical, Text: lateText(t), Hints: hints}, true
	case t.State == control.StateLate:
		return control.Warning{Level: control.Degraded, Text: lateText(t), Hints: hints}, true
	case t.State == control.StateFailed:
		return control.Warning{Level: control.Degraded, Text: fmt.Sprintf("%s failed: %s.", t.Name, t.Reason), Hints: hints}, true
	}
	return control.Warning{}, false
}

func lateText(t control.Task) string {
	if t.Reason == "" {
		t.Reason = "a run is under way"
	}
	return fmt.Sprintf("%s is late (lag %s, frequency %ds): %s.", t.Name, control.Duration(control.Seconds(*t.LagSeconds).Round(time.Second)), t.EverySeconds, t.Reason)
}
