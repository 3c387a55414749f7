package gossip

import (
	"time"

	"btrmesh/certs"
)

// retries says when to try which silent member. It has no clock and does
// nothing itself. One goroutine's alone.
type retries struct {
	first, most time.Duration
	random      func() float64
	tries       map[certs.ID]*try
}

// try is what is known of one silent member.
type try struct {
	next    time.Time
	failed  int  // times in a row
	busy    bool // being tried
	reached bool // the last time it answered, but is not Alive yet
}

func newRetries(t Timing, random func() float64) *retries {
	return &retries{first: t.RetryFirst, most: t.RetryMost, random: random, tries: make(map[certs.ID]*try)}
}

// keep makes silent the ones to try: new ones soon, others no more.
func (r *retries) keep(silent []certs.ID, now time.Time) {
	still := make(map[certs.ID]*try, len(silent))
	for _, id := range silent {
		t := r.tries[id]
		if t == nil {
			t = &try{next: now.Add(r.wait(0))}
		}
		still[id] = t
	}
	r.tries = still
}

// due returns at most limit members to try now, longest due first, and marks
// them busy.
func (r *retries) due(now time.Time, limit int) []certs.ID {
	var ids []certs.ID
	for len(ids) < limit {
		id, t := r.earliest()
		if t == nil || t.next.After(now) {
			break
		}
		t.busy = true
		ids = append(ids, id)
	}
	return ids
}

// next returns when the next member is due; false: none waits.
func (r *retries) next() (time.Time, bool) {
	if _, t := r.earliest(); t != nil {
		return t.next, true
	}
	return time.Time{}, false
}

func (r *retries) earliest() (id certs.ID, first *try) {
	for i, t := range r.tries {
		if !t.busy && (first == nil || t.next.Before(first.next)) {
			id, first = i, t
		}
	}
	return id, first
}

// done notes how a try went. A member that answered may need another round to
// be Alive: first it must hear that it is thought dead, to object.
func (r *retries) done(id certs.ID, answered bool, now time.Time) {
	t := r.tries[id]
	if t == nil {
		return
	}
	t.busy = false
	if answered && !t.reached {
		t.failed = 0
	} else {
		t.failed++
	}
	t.reached = answered
	t.next = now.Add(r.wait(t.failed))
}

// hurry makes all due soon.
func (r *retries) hurry(now time.Time) {
	for _, t := range r.tries {
		t.failed = 0
		if soon := now.Add(r.wait(0)); soon.Before(t.next) {
			t.next = soon
		}
	}
}

// wait returns how long to wait after failed tries: any time up to a bound that
// doubles, so that members which lost each other together do not come back
// together.
func (r *retries) wait(failed int) time.Duration {
	bound := r.most
	if doubled := r.first << min(failed, 20); doubled < bound {
		bound = doubled
	}
	return time.Duration(r.random() * float64(bound))
}
