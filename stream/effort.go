package stream

import "time"

// effort is how long workers were at work and how long they waited for it,
// lately: what lies n chunks back counts for (15/16)^n. The wall clock shows
// also that others need the processors: the same work then takes longer.
type effort struct{ work, rest time.Duration }

func (e *effort) add(chunk effort) {
	e.work += chunk.work - e.work/16
	e.rest += chunk.rest - e.rest/16
}

// rested says whether workers wait three quarters of their time or more.
func (e *effort) rested() bool { return e.rest >= 3*e.work }
