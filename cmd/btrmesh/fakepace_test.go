package main

import (
	"context"
	"strings"

	"btrmesh/mesh/control"
)

// edit changes photos-nas-b, and vm-nas-b, whose run goes on.
func (f *fake) edit(_ context.Context, r control.EditTask) (control.TaskChange, error) {
	t, err := named(r.Task)
	if err != nil {
		return control.TaskChange{}, err
	}
	facts := []control.Fact{}
	if r.LimitBytesPerSecond != nil && *r.LimitBytesPerSecond > 0 {
		facts = append(facts, control.Fact{Name: "limit", Text: "off → " + control.IEC.Rate(float64(*r.LimitBytesPerSecond))})
	}
	if r.Window != nil && *r.Window != "" {
		text := "any time → " + *r.Window
		if n := *r.OutsideBytesPerSecond; n > 0 {
			text += ", outside at " + control.IEC.Rate(float64(n))
		}
		facts = append(facts, control.Fact{Name: "window", Text: text})
	}
	if r.DryRun {
		return control.TaskChange{Plan: &control.Plan{Would: "edit task " + t.Name, Facts: facts}}, nil
	}
	change := control.TaskChange{Task: &t, Changes: facts, Unchanged: len(facts) == 0}
	if t.Progress != nil {
		change.Run = t.Progress.Run
	}
	return change, nil
}

// pacedTasks are tasks with limits and windows: list --enabled shows them.
func pacedTasks() []control.Task {
	vm := vmProgress()
	vm.LimitBytesPerSecond, vm.AtLimit, vm.BytesPerSecond = size(5, mib), true, new(7.5*float64(mib))
	tasks := sampleTasks()[:3]
	for i, name := range []string{"paced-photos", "paced-vm", "paced-docs"} {
		tasks[i].Name = name
	}
	tasks[0].State, tasks[0].Reason, tasks[0].Window = control.StatePaused, "until 22:00", "22:00-06:00"
	tasks[0].NextAt = sampleTime.Add(12 * 3600e9)
	tasks[1].Progress, tasks[1].LimitBytesPerSecond = &vm, size(5, mib)
	tasks[2].State, tasks[2].Reason, tasks[2].Window, tasks[2].OutsideBytesPerSecond = control.StateWaiting, "waits for runs of photos-nas-b, vm-nas-b to nas-b (2 at a time), 3rd in line", "22:00-06:00", size(2, mib)
	return tasks
}

func (f *fake) lanes(_ context.Context, r control.SetLanes) (control.LineChange, error) {
	if !strings.Contains("auto quic tcp", r.Lanes) {
		return control.LineChange{}, control.BadLanes(r.Lanes)
	}
	if r.DryRun {
		return control.LineChange{Plan: &control.Plan{Would: "carry data to " + r.Appliance + " by " + r.Lanes + ", not auto"}}, nil
	}
	return control.LineChange{Appliance: r.Appliance, Lanes: r.Lanes, Unchanged: r.Lanes == "auto" && r.Appliance == "nas-b"}, errorRow(r.Appliance)
}

func (f *fake) limit(_ context.Context, r control.SetLimit) (control.LineChange, error) {
	change := control.LineChange{Appliance: r.Appliance, Lanes: "auto"}
	if r.LimitBytesPerSecond > 0 {
		change.LimitBytesPerSecond, change.Runs = &r.LimitBytesPerSecond, 2
	}
	if r.DryRun {
		return control.LineChange{Plan: &control.Plan{Would: "limit all that goes to " + r.Appliance + " to 5.0 MiB/s, not off"}}, nil
	}
	return change, errorRow(r.Appliance)
}
