package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Incoming is a run that a pool receives.
type Incoming struct {
	Name string        // of its task
	Full bool          // it brings everything, not a difference
	For  time.Duration // since it began
}

// Admit says why a pool that receives these runs takes no further one now; "" if
// it does. At most limit are received at once and, where those are all long, one
// more that is not first, that is, has a base to be a difference to.
func Admit(here []Incoming, first bool, limit int) string {
	r := room{limit: limit}
	for _, in := range here {
		r.take(in.Name, in.Full || in.For > LongRun)
	}
	if !r.full(first) {
		return ""
	}
	slices.Sort(r.running)
	return fmt.Sprintf("%d runs already, %s (%d at a time)", len(r.running), strings.Join(r.running, ", "), limit)
}
