package plan

import (
	"slices"
	"time"

	"btrmesh/btrfs"
)

// clockSlack is how far ahead of the clock the newest snapshot may be before the
// clock is disbelieved.
const clockSlack = time.Hour

// Verdict says whether a snapshot stays, and why.
type Verdict struct {
	Snapshot
	Keep    bool
	Reasons []string // empty unless Keep: "base", "last", "daily", "younger than 30d"
}

// Retain judges the snapshots of one share in one pool and returns a Verdict for
// each, oldest first. What stays:
//
//   - the pins, by UUID, each with its reason: the base of a task, what an open
//     run uses;
//   - the newest snapshot;
//   - what is not read-only or was modified: a person did that, so a person ends it;
//   - what is younger than k.MinAge, counted from Received where it is known, as
//     Taken is only what the source says;
//   - by the rules of k, the newest snapshot of each of the newest so many hours,
//     days, weeks and months in which there is one. Hours without a snapshot do
//     not count, so nothing goes merely because time passes, and now is not asked.
//
// While the newest snapshot is more than an hour ahead of now, the clock is wrong
// or was, and all stay ("clock"); the next snapshot ends that. Judging again what
// stayed, everything stays.
func Retain(k Keep, snaps []Snapshot, pins map[btrfs.UUID]string, now time.Time) []Verdict {
	all := make([]Verdict, 0, len(snaps))
	for _, s := range oldestFirst(snaps) {
		all = append(all, Verdict{Snapshot: s})
	}
	for i := range all {
		all[i].judge(k, pins, now)
	}
	for _, r := range k.rules() {
		r.apply(all)
	}
	if newest := newestUsable(all); newest != nil {
		if !newest.Keep {
			newest.keep("newest")
		}
		if newest.Taken.Sub(now) > clockSlack {
			keepRest(all, "clock")
		}
	}
	return all
}

// judge applies what concerns one snapshot alone.
func (v *Verdict) judge(k Keep, pins map[btrfs.UUID]string, now time.Time) {
	if reason, pinned := pins[v.UUID]; pinned {
		v.keep(reason)
	}
	if !v.usable() {
		v.keep("modified")
	}
	since := v.Received
	if since.IsZero() {
		since = v.Taken
	}
	if k.MinAge > 0 && now.Sub(since) < k.MinAge {
		v.keep("younger than " + Words(k.MinAge))
	}
}

func (v *Verdict) keep(reason string) {
	v.Keep = true
	v.Reasons = append(v.Reasons, reason)
}

// apply walks from the newest to the oldest. What was modified takes no place.
func (r rule) apply(all []Verdict) {
	filled := map[string]bool{}
	count := 0
	for i := range slices.Backward(all) {
		v := &all[i]
		if count == r.count {
			return
		}
		if !v.usable() {
			continue
		}
		if r.bucket != nil {
			if filled[r.bucket(v.Taken)] {
				continue
			}
			filled[r.bucket(v.Taken)] = true
		}
		count++
		v.keep(r.name)
	}
}

// newestUsable returns nil if there is none.
func newestUsable(all []Verdict) *Verdict {
	for i := range slices.Backward(all) {
		if all[i].usable() {
			return &all[i]
		}
	}
	return nil
}

func keepRest(all []Verdict, reason string) {
	for i := range all {
		if !all[i].Keep {
			all[i].keep(reason)
		}
	}
}
