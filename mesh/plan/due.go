package plan

import (
	"fmt"
	"time"
)

// due is when a task may start next, and why then.
type due struct {
	at    time.Time
	why   string // set when it is due at once for another reason than time
	retry string // after a failure: what it was
}

// due decides when t starts next. Stored times that lie further ahead than they
// can have been set mean that the clock was set back: they are not waited for.
func (t Task) due(now time.Time) due {
	failing := t.Failures > 0 && !t.NextTry.IsZero()
	switch {
	case t.Requested:
		return due{at: now, why: "requested"}
	case failing && t.NextTry.Sub(now) <= longestBackoff(t.Every):
		return due{at: t.NextTry, retry: t.failure()}
	case failing || t.LastStart.After(now):
		return due{at: now, why: "the clock was set back"}
	case t.LastStart.IsZero():
		return due{at: now, why: "first run"}
	}
	return due{at: t.LastStart.Add(t.every())}
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
	if d.retry != "" {
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
