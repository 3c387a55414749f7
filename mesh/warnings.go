package mesh

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"btrmesh/mesh/control"
	"btrmesh/mesh/plan"
	"btrmesh/state"
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
	st.Pools = keep(st.Pools, func(p control.Pool) bool { return p.Appliance == name })
	st.MeshTasks = keep(st.MeshTasks, func(t control.MeshTask) bool { return t.Appliance == name || t.Target == name })
	return st, nil
}

func keep[T any](list []T, want func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), func(v T) bool { return !want(v) })
}

// warnings derives from a status what an operator should know, worst first.
func warnings(st control.Status, missing map[string]error, outside []shutOut) []control.Warning {
	var list []control.Warning
	if !st.Node.ServiceOn {
		list = append(list, control.Warning{Level: control.Degraded, Text: fmt.Sprintf("the replication service is off on %s.", st.Node.Appliance), Hints: []string{"sudo btrmesh service on"}})
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		list = append(list, control.Warning{Level: control.Degraded, Text: fmt.Sprintf("pool %s cannot be used: %v.", name, missing[name]), Hints: []string{"btrmesh pool list"}})
	}
	for _, t := range st.Twins {
		list = append(list, t.Warning())
	}
	for _, h := range st.Held {
		list = append(list, h.Warning())
	}
	for _, p := range st.Appliances {
		if w, ok := outsideWarning(p); ok {
			list = append(list, w)
		}
	}
	for _, o := range outside {
		list = append(list, o.warning(st.Node.Appliance))
	}
	for _, t := range st.Send {
		if w, ok := taskWarning(t); ok {
			list = append(list, w)
		}
	}
	for _, p := range st.Appliances {
		if p.State == control.Offline {
			list = append(list, control.Warning{Level: control.Degraded, Text: offlineText(p), Hints: []string{"btrmesh ping " + p.Name}})
		}
	}
	slices.SortStableFunc(list, func(a, b control.Warning) int { return level(b) - level(a) })
	return list
}

// storeWarnings tells that nothing can be recorded.
func (n *Node) storeWarnings() []control.Warning {
	full, ok := errors.AsType[*state.FullError](n.store.Writable())
	if !ok {
		return nil
	}
	e := control.StateFull(full.Dir, full.FreeBytes)
	return []control.Warning{{Level: control.Critical, Text: e.Msg, Hints: e.Hints}}
}

// outsideWarning tells the operator of an appliance that it was removed.
func outsideWarning(p control.Appliance) (control.Warning, bool) {
	if !p.Self || p.Removal == nil || p.Removal.Kept {
		return control.Warning{}, false
	}
	return control.Warning{
		Level: control.Critical,
		Text: fmt.Sprintf("%s was removed from the mesh by %s on %s. To come back it needs a new identity (stop btrmesh, remove its state directory) and a new invite.",
			p.Name, p.Removal.By, p.Removal.At.Format(time.DateOnly)),
		Hints: []string{"on " + p.Removal.By + ": sudo btrmesh pair invite"},
	}, true
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
	every := patience(t.EverySeconds, shownHours(t))
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

// shownHours reads the hours of a task out of its row.
func shownHours(t control.Task) plan.Hours {
	h := hoursOf(state.Task{Window: t.Window})
	if t.OutsideBytesPerSecond != nil {
		h.Outside = *t.OutsideBytesPerSecond
	}
	return h
}

func lateText(t control.Task) string {
	if t.Reason == "" {
		t.Reason = "a run is under way"
	}
	return fmt.Sprintf("%s is late (lag %s, frequency %ds): %s.", t.Name, control.Duration(control.Seconds(*t.LagSeconds).Round(time.Second)), t.EverySeconds, t.Reason)
}
