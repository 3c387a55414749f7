package plan

import (
	"fmt"
	"time"
)

// minutesPerDay is by the clock on the wall, whatever the length of the day.
const minutesPerDay = 24 * 60

// searchDays is how many days on either side of a moment are looked at for the
// edges of a window: days on which the clocks change may have none.
const searchDays = 3

// Window is a part of each day by the clock on the wall: from Begin to just
// before End, both in minutes since midnight, 0 to 1439. It may cross midnight.
// The zero Window is any time.
//
// On a day when the clocks go forward over an edge, the edge is the moment at
// which they do; when they go back over it, the first of the two. So a window
// opens at most once a day, and may be an hour longer or shorter than it reads.
type Window struct{ Begin, End int }

// ParseWindow reads "22:00-06:00". Begin and end must differ: a window from an
// hour to the same hour could be the whole day or nothing.
func ParseWindow(text string) (Window, error) {
	if len(text) != len("22:00-06:00") || text[5] != '-' {
		return Window{}, fmt.Errorf("parse window %q: give it as 22:00-06:00", text)
	}
	begin, okBegin := parseMinute(text[:5])
	end, okEnd := parseMinute(text[6:])
	switch {
	case !okBegin || !okEnd:
		return Window{}, fmt.Errorf("parse window %q: give hours from 00 to 23 and minutes from 00 to 59, as in 22:00-06:00", text)
	case begin == end:
		return Window{}, fmt.Errorf("parse window %q: begin and end are the same; for any time say off", text)
	}
	return Window{Begin: begin, End: end}, nil
}

// parseMinute reads "22:00" as minutes since midnight.
func parseMinute(text string) (int, bool) {
	t, err := time.Parse("15:04", text)
	return t.Hour()*60 + t.Minute(), err == nil
}

// Always reports whether w is any time.
func (w Window) Always() bool { return w == Window{} }

// String returns what ParseWindow reads, "any time" for the zero Window.
func (w Window) String() string {
	if w.Always() {
		return "any time"
	}
	return clock(w.Begin) + "-" + clock(w.End)
}

func clock(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

// Shut returns for how long of a day w is closed, on a day of 24 hours.
func (w Window) Shut() time.Duration {
	if w.Always() {
		return 0
	}
	return time.Duration((w.Begin-w.End+minutesPerDay)%minutesPerDay) * time.Minute
}

// At tells whether w is open at now by the clocks of zone, and until when that
// is so: the zero time if for ever.
func (w Window) At(now time.Time, zone *time.Location) (open bool, until time.Time) {
	if w.Always() {
		return true, time.Time{}
	}
	for day := -searchDays; day <= searchDays; day++ {
		begin, end := w.on(now.In(zone), day)
		switch {
		case !begin.Before(end): // the clocks went over all of it
		case begin.After(now):
			return false, begin
		case end.After(now):
			return true, end
		}
	}
	return false, now.Add(24 * time.Hour) // no zone leaves out so many days
}

// on returns when w opens on the day that is so many after that of local, and
// when it closes then.
func (w Window) on(local time.Time, day int) (begin, end time.Time) {
	endDay := day
	if w.End < w.Begin {
		endDay++
	}
	return wall(local, day, w.Begin), wall(local, endDay, w.End)
}

// wall returns the first moment at which the clock on the wall shows minute, or
// more, on the day that is so many after that of local.
func wall(local time.Time, day, minute int) time.Time {
	year, month, date := local.Date()
	t := time.Date(year, month, date+day, minute/60, minute%60, 0, 0, local.Location())
	start, end := t.ZoneBounds()
	if t.Hour()*60+t.Minute() != minute { // there is no such time on that day
		if time.Date(year, month, date+day, minute/60, minute%60, 0, 0, time.UTC).Before(shown(t)) {
			return start
		}
		return end
	}
	if start.IsZero() {
		return t
	}
	_, before := start.Add(-time.Second).Zone()
	_, after := t.Zone()
	if earlier := t.Add(-time.Duration(before-after) * time.Second); before > after && earlier.Before(start) {
		return earlier
	}
	return t
}

// shown returns what the clock on the wall shows at t, as if it were UTC, so
// that two readings compare.
func shown(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}
