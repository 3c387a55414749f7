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
	FreshAt               time.Time // newest moment known to be committed on the target
	Failures              int       // in a row
	NextTry               time.Time // when Failures > 0: now + Backoff, taken at the failure
	LastError             string    // of the last failure, for a person
}

// idle returns the Step of a task that cannot or need not start, and whether
// it is one.
func (t Task) idle(serviceOn bool, now time.Time) (Step, bool) {
	wait := func(format string, args ...any) (Step, bool) {
		return Step{Kind: Wait, Task: t.Name, Reason: fmt.Sprintf(format, args...)}, true
	}
	switch {
	case t.Running && t.LastStart.IsZero():
		return wait("running")
	case t.Running:
		return wait("running for %s", Words(now.Sub(t.LastStart)))
	case !t.Enabled:
		return Step{Kind: Rest, Task: t.Name, Reason: "disabled"}, true
	case t.PeerRemoved:
		return wait("%s was removed from the mesh", t.PeerName)
	case !serviceOn:
		return wait("service is off")
	case !t.PoolPresent:
		return wait("pool %s is not mounted", t.PoolName)
	case !t.ShareFound:
		return wait("share %s is not in pool %s", t.Share, t.PoolName)
	}
	if d := t.due(now); d.at.After(now) {
		return Step{Kind: Wait, Task: t.Name, Until: d.at, Reason: d.wait(now)}, true
	}
	return Step{}, false
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
