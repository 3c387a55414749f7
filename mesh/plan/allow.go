package plan

import (
	"fmt"
	"time"
)

// Hours is when a task may send, and how fast. The zero Hours is always and
// unlimited.
type Hours struct {
	Limit   int64 // bytes per second on the wire; 0: none
	Window  Window
	Outside int64 // bytes per second outside of Window; 0: not at all
}

// Allowance is what a task may do at a moment.
type Allowance struct {
	Run    bool
	Limit  int64     // bytes per second on the wire; 0: none
	Until  time.Time // when that changes; zero: it does not
	Reason string    // for a person
}

// At returns what h allows at now, by the clocks of zone. It never changes more
// than a few times a day.
func (h Hours) At(now time.Time, zone *time.Location) Allowance {
	open, until := h.Window.At(now, zone)
	switch {
	case h.Window.Always() && h.Limit > 0:
		return Allowance{Run: true, Limit: h.Limit, Reason: "limited at any time"}
	case h.Window.Always():
		return Allowance{Run: true, Reason: "any time"}
	case open:
		return Allowance{Run: true, Limit: h.Limit, Until: until, Reason: fmt.Sprintf("inside its window %s", h.Window)}
	case h.Outside > 0:
		return Allowance{Run: true, Limit: Lower(h.Outside, h.Limit), Until: until, Reason: fmt.Sprintf("outside of its window %s", h.Window)}
	}
	return Allowance{Until: until, Reason: "paused until " + until.In(zone).Format("15:04")}
}

// Lower returns the lower of two limits, of which 0 is none.
func Lower(a, b int64) int64 {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}
