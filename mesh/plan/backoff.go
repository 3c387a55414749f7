package plan

import "time"

const (
	leastBackoff = 5 * time.Second
	mostBackoff  = 10 * time.Minute
)

// Backoff returns how long to wait after failures failures in a row of a task
// that runs every so often. random is uniform in [0,1), and the result is
// uniform ("full jitter") between 5 s and a ceiling that begins at 10 s and
// doubles with each failure, up to every or 10 minutes, whichever is shorter:
// tasks that failed together do not come back together. Without a failure it
// is 0.
func Backoff(failures int, every time.Duration, random float64) time.Duration {
	if failures <= 0 {
		return 0
	}
	ceiling := leastBackoff
	for range min(failures, 8) { // 5 s << 8 is beyond 10 min
		ceiling *= 2
	}
	span := min(ceiling, longestBackoff(every)) - leastBackoff
	return leastBackoff + time.Duration(random*float64(span))
}

// longestBackoff is the most Backoff returns for a task of that frequency.
func longestBackoff(every time.Duration) time.Duration {
	return min(max(every, leastBackoff), mostBackoff)
}

// The bounds of how long a target that is busy is left alone.
const (
	leastBusy = 5 * time.Second
	mostBusy  = 30 * time.Second
)

// BusyRetry returns how long to wait before a target that was busy is asked
// again: 5 to 30 s. random is uniform in [0,1).
func BusyRetry(random float64) time.Duration {
	return leastBusy + time.Duration(random*float64(mostBusy-leastBusy))
}
