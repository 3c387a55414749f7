// Package plan decides what a node does next: which task runs, from which
// snapshot a transfer starts, and which snapshots may go. It is pure: what it
// knows is in its arguments, what it decides is in its results. It does no I/O,
// reads no clock, starts no goroutine, logs nothing and draws no random numbers,
// so every function is safe for concurrent use and equal arguments give equal
// results.
package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// StepKind is what a Step asks for.
type StepKind uint8

// The kinds of Step.
const (
	Start StepKind = 1 // start a run of the task now
	Wait  StepKind = 2 // nothing to do until Step.Until, or until something changes
	Rest  StepKind = 3 // the task is disabled
	Pause StepKind = 4 // nothing may be sent until Step.Until; a run under way ends at a checkpoint
)

// String returns "start", "wait", "rest" or "pause".
func (k StepKind) String() string {
	switch k {
	case Start:
		return "start"
	case Wait:
		return "wait"
	case Rest:
		return "rest"
	case Pause:
		return "pause"
	}
	return fmt.Sprintf("step kind %d", uint8(k))
}

// View is all that Plan looks at.
type View struct {
	ServiceOn  bool           // the replication service of this appliance
	Tasks      []Task         // names are unique
	MaxRunning int            // runs at once; 0: no limit
	MaxPerPeer int            // runs at once to one appliance; 0: no limit
	MaxPerPool int            // runs at once from one pool; 0: no limit
	Zone       *time.Location // whose clocks the windows go by; nil: UTC
}

func (v View) zone() *time.Location {
	if v.Zone == nil {
		return time.UTC
	}
	return v.Zone
}

// Step is what one task does now, and why.
type Step struct {
	Kind   StepKind
	Task   string
	Until  time.Time // of a Wait or Pause: when to plan again; zero when only an event ends it
	Limit  int64     // of a run that starts or is under way: bytes per second on the wire; 0: none
	Reason string    // for a person: "next in 2m56s"
}

// Plan returns one Step for each task of v. The starts come first, in the order
// in which they should start: requested ones, then the longest overdue relative
// to their frequency, so that nothing waits for ever. All starts together stay
// within the limits of v, runs under way counted; where long runs hold all slots
// there is one more for short ones, so that an hourly difference of a megabyte
// does not wait for the first run of another share, which may take a week.
//
// A running task is touched by nothing but the end of its window. A clock that
// was set back cannot stop a task: one whose last start lies in the future is
// due now.
func Plan(v View, now time.Time) []Step {
	var due []Task
	var starts, rest []Step
	for _, t := range v.Tasks {
		if step, idle := t.idle(v, now); idle {
			rest = append(rest, step)
		} else {
			due = append(due, t)
		}
	}
	slices.SortStableFunc(due, func(a, b Task) int { return a.compareUrgency(b, now) })
	slots := newSlots(v, now)
	for _, t := range due {
		if busy := slots.refuse(t); busy != "" {
			rest = append(rest, Step{Kind: Wait, Task: t.Name, Reason: busy})
			continue
		}
		slots.take(t)
		starts = append(starts, Step{
			Kind: Start, Task: t.Name, Limit: t.Hours.At(now, v.zone()).Limit, Reason: "runs now: " + t.due(now).cause(now),
		})
	}
	return append(starts, rest...)
}

// compareUrgency sorts the task that should start first to the front.
func (t Task) compareUrgency(u Task, now time.Time) int {
	if t.Requested != u.Requested {
		if t.Requested {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(u.overdue(now), t.overdue(now)), cmp.Compare(t.Name, u.Name))
}
