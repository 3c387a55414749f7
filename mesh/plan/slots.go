package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"btrmesh/certs"
)

// LongRun is from when on a run counts as long: one that takes its time is no
// reason for those to wait that do not.
const LongRun = 2 * time.Minute

// long reports whether a run of t has to be expected to take long: the first one
// sends everything, and otherwise the last one tells.
func (t Task) long(now time.Time) bool {
	return !t.Replicated || t.Took > LongRun || t.Running && now.Sub(t.LastStart) > LongRun
}

// room is what runs share and only so many may use at once: a target, a pool,
// this appliance. When long runs hold all of its slots there is one more, for
// short ones alone.
type room struct {
	limit   int    // 0: none
	what    string // " to nas-b"
	running []string
	long    int // of running
	waiting int // tasks that were refused
}

func (r *room) take(name string, long bool) {
	r.running = append(r.running, name)
	if long {
		r.long++
	}
}

// full reports whether a run must wait.
func (r *room) full(long bool) bool {
	n := len(r.running)
	express := !long && n == r.limit && r.long == n
	return r.limit > 0 && n >= r.limit && !express
}

// refuse says what the next one in line has to wait for.
func (r *room) refuse() string {
	r.waiting++
	run := "run"
	if len(r.running) > 1 {
		run = "runs"
	}
	names := strings.Join(slices.Sorted(slices.Values(r.running)), ", ")
	return fmt.Sprintf("waits for %s of %s%s (%d at a time), %s in line", run, names, r.what, r.limit, ordinal(r.waiting))
}

// ordinal is "1st", "2nd", "3rd", "4th".
func ordinal(n int) string {
	suffix := "th"
	if n/10%10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprint(n, suffix)
}

// slots counts runs against the limits of a View.
type slots struct {
	view  View
	now   time.Time
	all   *room
	peers map[certs.ID]*room
	pools map[string]*room
}

// newSlots returns the slots with the running tasks of v in them.
func newSlots(v View, now time.Time) *slots {
	s := &slots{view: v, now: now, all: &room{limit: v.MaxRunning}, peers: map[certs.ID]*room{}, pools: map[string]*room{}}
	for _, t := range v.Tasks {
		if t.Running {
			s.take(t)
		}
	}
	return s
}

// rooms are what a run of t needs a slot of. A full target is named before a full
// appliance: it is the more precise answer.
func (s *slots) rooms(t Task) []*room {
	if s.peers[t.Peer] == nil {
		s.peers[t.Peer] = &room{limit: s.view.MaxPerPeer, what: " to " + t.PeerName}
	}
	if s.pools[t.PoolName] == nil {
		s.pools[t.PoolName] = &room{limit: s.view.MaxPerPool, what: " from pool " + t.PoolName}
	}
	return []*room{s.peers[t.Peer], s.pools[t.PoolName], s.all}
}

func (s *slots) take(t Task) {
	for _, r := range s.rooms(t) {
		r.take(t.Name, t.long(s.now))
	}
}

// refuse says what t has to wait for, "" if there is a slot for it everywhere.
func (s *slots) refuse(t Task) string {
	for _, r := range s.rooms(t) {
		if r.full(t.long(s.now)) {
			return r.refuse()
		}
	}
	return ""
}
