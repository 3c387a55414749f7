package state

import "fmt"

// RunState is where one run stands.
//
//	planned → snapshotted → offered → sending → committing → done
//	   └───────────┴───────────┴─────────┴──────────┴─────→ failed | cancelled | paused
//
// planned and offered also lead to done, when there is nothing to send. A target
// that is busy leads back to planned: the run waits there under its number. A run
// being received begins with offered. The record of a state is committed before
// anything that relies on it is done or said:
//
//	planned      the run has a number; nothing exists yet
//	snapshotted  the source snapshot is on disk and pinned
//	offered      both sides know of the run; nothing was received
//	sending      there may be a partial subvolume in incoming/
//	committing   all is sent; the target may or may not have it
//	done         committed and durable on the target
//
// A crash in any state but the last leaves the run open; what the target holds
// decides how it ended.
type RunState uint8

// The states of a run.
const (
	Planned     RunState = 1
	Snapshotted RunState = 2
	Offered     RunState = 3
	Sending     RunState = 4
	Committing  RunState = 5
	Done        RunState = 6
	Failed      RunState = 7
	Cancelled   RunState = 8
	Paused      RunState = 9 // its task's window ended; the next run goes on where it was
)

// String returns "planned", "snapshotted", "offered", "sending", "committing",
// "done", "failed", "cancelled" or "paused".
func (s RunState) String() string {
	switch s {
	case Planned:
		return "planned"
	case Snapshotted:
		return "snapshotted"
	case Offered:
		return "offered"
	case Sending:
		return "sending"
	case Committing:
		return "committing"
	case Done:
		return "done"
	case Failed:
		return "failed"
	case Cancelled:
		return "cancelled"
	case Paused:
		return "paused"
	}
	return fmt.Sprintf("run state %d", uint8(s))
}

// Final reports whether a run in state s has ended.
func (s RunState) Final() bool { return s >= Done }

// CanBecome reports whether an edge leads from s to next. From the zero state,
// a run not stored yet, edges lead to planned and offered.
func (s RunState) CanBecome(next RunState) bool {
	switch next {
	case Planned:
		return s == 0 || s == Planned || s == Snapshotted
	case Snapshotted:
		return s == Planned
	case Offered:
		return s == 0 || s == Snapshotted
	case Sending:
		return s == Offered
	case Committing:
		return s == Sending
	case Done:
		return s == Planned || s == Offered || s == Committing
	case Failed, Cancelled, Paused:
		return s != 0 && !s.Final()
	}
	return false
}

func (s RunState) valid() bool { return s >= Planned && s <= Paused }
