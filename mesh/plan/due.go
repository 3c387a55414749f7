package plan

import (
	"fmt"
	"hash/fnv"
	"time"
)

// due is when a task may start next, and why then.
type due struct {
	at    time.Time
	why   string // set when it is due for another reason than time
	retry string // what kept it from replicating before
}

// due decides when t starts next. Stored times that lie further ahead than they
// can have been set mean that the clock was set back: they are not waited for.
func (t Task) due(now time.Time) due {
	failing := t.Failures > 0 && !t.NextTry.IsZero()
	ahead := t.NextTry.Sub(now)
	switch {
	case t.Requested:
		return due{at: now, why: "requested"}
	case t.Paused:
		return due{at: now, why: "goes on where it was paused"}
	case t.Busy != "" && ahead <= mostBusy:
		return due{at: t.NextTry, retry: t.Busy}
	case failing && t.isBack(now):
		return due{at: earlier(t.NextTry, t.PeerBack.Add(t.spread())), why: t.PeerName + " is back", retry: t.failure()}
	case failing && ahead <= longestBackoff(t.Every):
		return due{at: t.NextTry, retry: t.failure()}
	case failing || t.Busy != "" || t.LastStart.After(now):
		return due{at: now, why: "the clock was set back"}
	case t.LastStart.IsZero():
		return due{at: now, why: "first run"}
	}
	return due{at: t.LastStart.Add(t.every())}
}

// isBack reports whether the target, which the last run failed to reach or lost,
// has been seen since.
func (t Task) isBack(now time.Time) bool {
	return t.Lost && t.PeerBack.After(t.LastEnd) && !t.PeerBack.After(now)
}

// A target that is back is left alone for backLeast, in which it hears what it
// missed, a removal for example; backSpread is over how long the tasks that wait
// for it come then.
const (
	backLeast  = 2 * time.Second
	backSpread = 5 * time.Second
)

// spread is a delay that differs from task to task: all at once would be rude.
func (t Task) spread() time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(t.Name)) // never fails
	return backLeast + backSpread*time.Duration(h.Sum32()%1000)/1000
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// cause says why a task that is due starts.
func (d due) cause(now time.Time) string {
	switch late := now.Sub(d.at); {
	case d.why != "":
		return d.why
	case d.retry != "":
		return "tries again after: " + d.retry
	case late >= time.Second:
		return "due since " + Words(late)
	}
	return "due"
}

// wait says what a task that is not due waits for.
func (d due) wait(now time.Time) string {
	in := Words(d.at.Sub(now))
	switch {
	case d.why != "":
		return "next try in " + in + ": " + d.why
	case d.retry != "":
		return "next try in " + in + ": " + d.retry
	}
	return "next in " + in
}

// failure says what went wrong, and how often.
func (t Task) failure() string {
	often := fmt.Sprintf("failed %d times", t.Failures)
	if t.Failures == 1 {
		often = "failed once"
	}
	if t.LastError == "" {
		return often
	}
	return t.LastError + " (" + often + ")"
}
