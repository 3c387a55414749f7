package main

import (
	"time"

	"btrmesh/mesh/control"
)

// statusPools is the table of the pools of the mesh.
func (s *session) statusPools(st control.Status, now time.Time) *table {
	t := &table{columns: columns("APPLIANCE", "POOL", ">FREE", ">SIZE", "=PROFILE", ">REPLICAS", "=AS OF")}
	for _, p := range st.Pools {
		t.add(p.Self, word(p.Appliance), word(p.Name), s.bytes(p.FreeBytes), s.bytes(p.SizeBytes), word(p.Profile), whole(p.Replicas), asOf(p.AsOf, now))
	}
	return t
}

// statusMeshTasks is the table of the tasks of other appliances.
func (s *session) statusMeshTasks(st control.Status, now time.Time) *table {
	t := &table{columns: columns("APPLIANCE", "TASK", "TARGET", ">EVERY", ">LAG", "STATE", "=AS OF")}
	for _, task := range st.MeshTasks {
		t.add(false, word(task.Appliance), word(task.Name), word(task.Target+":"+task.TargetPool), frequency(task.EverySeconds),
			lasting(task.LagSeconds), coloured(word(s.stateOf(task.Task)), task.State), asOf(task.AsOf, now))
	}
	return t
}

// meshStates lists the states of tasks of other appliances.
func meshStates(list []control.MeshTask) []string {
	states := make([]string, 0, len(list))
	for _, t := range list {
		states = append(states, string(t.State))
	}
	return states
}

// unheard names the appliances of which nothing is shown.
func (s *session) unheard(h control.Head) error {
	var lines []string
	for _, one := range h.Silent {
		if one.AsOf.IsZero() {
			lines = append(lines, "    "+silenceText(one, h)+".")
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return s.block(append([]string{""}, lines...)...)
}
