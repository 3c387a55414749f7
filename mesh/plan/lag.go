package plan

import "time"

// leastSlack is what the time for a run itself may add to the lag of the most
// frequent tasks before they count as late.
const leastSlack = time.Minute

// Lag returns how old the newest committed state is, and false if nothing was
// ever committed. A freshAt ahead of now (the clock was set back) is a lag of 0.
func Lag(freshAt, now time.Time) (time.Duration, bool) {
	if freshAt.IsZero() {
		return 0, false
	}
	return max(0, now.Sub(freshAt)), true
}

// Late reports whether lag is more than a task of that frequency should ever
// show: half a period more than the period, at least a minute more. The slack is
// there because lag grows until a run is committed, not until it starts.
func Late(lag, every time.Duration) bool {
	return lag-every > max(every/2, leastSlack)
}

// Critical reports whether lag is more than three periods. Whatever is critical
// is late, from a frequency of 30 s on; a task has at least 60 s.
func Critical(lag, every time.Duration) bool {
	return lag-every-every > every // no product: it could overflow
}
