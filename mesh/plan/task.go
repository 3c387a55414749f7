package plan

import (
	"fmt"
	"time"

	"btrmesh/certs"
)

// LeastEvery is the highest frequency of a task; anything more frequent is
// planned as if it were this.
const LeastEvery = time.Minute

// Task is what Plan knows of one replication task. Times are wall times, zero
// when the thing never happened.
type Task struct {
	Name, Share, PoolName string
	Peer                  certs.ID
	PeerName              string
	Every                 time.Duration
	Enabled               bool
	Running               bool // a run is under way
	Requested             bool // run now, whatever the schedule says
	PeerRemoved           bool // the target is no member of the mesh any more
	PoolPresent           bool // the source pool is mounted
	ShareFound            bool
	Created               time.Time
	LastStart             time.Time
	FreshAt               time.Time     // newest moment known to be committed on the target
	Failures              int           // in a row
	NextTry               time.Time     // when Failures > 0: now + Backoff, taken at the failure
	LastError             string        // of the last failure, for a person
	LastEnd               time.Time     // of the last run
	Lost                  bool          // that failed because the target was not reached or was lost
	PeerBack              time.Time     // when the target was last seen to come; zero while it is not there
	Busy                  string        // why the target had no room for the last run, until NextTry; empty: it had
	Paused                bool          // the last run, at the end of the window: the next goes on where it was
	Replicated            bool          // something was committed before
	Took                  time.Duration // by the last incremental run
	Hours                 Hours
}

// idle returns the Step of a task that cannot or need not start, and whether
// it is one.
func (t Task) idle(v View, now time.Time) (Step, bool) {
	if t.Running {
		return t.going(v, now), true
	}
	if why := t.held(v); why != "" {
		return Step{Kind: Wait, Task: t.Name, Reason: why}, true
	}
	if !t.Enabled {
		return Step{Kind: Rest, Task: t.Name, Reason: "disabled"}, true
	}
	d, allowed := t.due(now), t.Hours.At(now, v.zone())
	switch {
	case !allowed.Run && d.at.Before(allowed.Until):
		return Step{Kind: Pause, Task: t.Name, Until: allowed.Until, Reason: allowed.Reason}, true
	case d.at.After(now):
		return Step{Kind: Wait, Task: t.Name, Until: d.at, Reason: d.wait(now)}, true
	}
	return Step{}, false
}

// going returns the Step of a task whose run is under way.
func (t Task) going(v View, now time.Time) Step {
	allowed := t.Hours.At(now, v.zone())
	if !allowed.Run {
		return Step{Kind: Pause, Task: t.Name, Until: allowed.Until, Reason: allowed.Reason}
	}
	s := Step{Kind: Wait, Task: t.Name, Until: allowed.Until, Limit: allowed.Limit, Reason: "running"}
	if !t.LastStart.IsZero() {
		s.Reason = "running for " + Words(now.Sub(t.LastStart))
	}
	return s
}

// held says what keeps an enabled task from running that time does not mend, ""
// if nothing does.
func (t Task) held(v View) string {
	switch {
	case !t.Enabled:
		return ""
	case t.PeerRemoved:
		return t.PeerName + " was removed from the mesh"
	case !v.ServiceOn:
		return "service is off"
	case !t.PoolPresent:
		return fmt.Sprintf("pool %s is not mounted", t.PoolName)
	case !t.ShareFound:
		return fmt.Sprintf("share %s is not in pool %s", t.Share, t.PoolName)
	}
	return ""
}

// overdue is how far t lags behind, in units of its frequency, >= 0. What was
// never replicated lags since it was created.
func (t Task) overdue(now time.Time) float64 {
	since := t.FreshAt
	if since.IsZero() {
		since = t.Created
	}
	return float64(max(0, now.Sub(since))) / float64(t.every())
}

func (t Task) every() time.Duration { return max(t.Every, LeastEvery) }
