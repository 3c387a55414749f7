package stream

import "time"

// laneState is where one lane of a session stands, at its source.
//
//	dialling ─→ sending ─→ finishing ─→ gone
//	    └──────────┴───────────┴───────→ dead
//
// A lane that is finishing takes no more chunks and waits until the target has
// what it sent. What a dead lane has sent in vain goes to others, and it is
// replaced.
type laneState uint8

const (
	laneDialling  laneState = 1
	laneSending   laneState = 2
	laneFinishing laneState = 3
)

// stillAfter is for how long the target may report that nothing comes on a lane
// that has sent something: longer than the 7 s that a 4 s outage of the path
// costs.
const stillAfter = 10 * time.Second

// laneFacts is one lane as the target's report shows it.
type laneFacts struct {
	state   laneState
	unacked int           // chunks sent that the target has not confirmed
	moved   bool          // bytes have come on it since the last report
	held    bool          // a rate holds it back
	passed  time.Duration // since the last report, bounded: the target was there
	still   time.Duration // reported without movement until then
}

// sentence says what becomes of a lane.
type sentence uint8

const (
	laneStays sentence = 1
	laneDies  sentence = 2 // what it has sent is lost: a path that swallows large packets looks like this
)

// judge looks at a lane when the target has reported. It returns for how long
// nothing has moved by now. Time without reports does not count: then the
// target, not the lane, is what is silent.
func judge(f laneFacts) (still time.Duration, v sentence) {
	if f.state == laneDialling || f.unacked == 0 || f.moved || f.held {
		return 0, laneStays
	}
	if still = f.still + f.passed; still < stillAfter {
		return still, laneStays
	}
	return still, laneDies
}

// reach is how many chunks beyond what the target has taken a session sends:
// enough for a long line and for lanes that are unequally fast, and little where
// neither is: it is memory on both ends.
func reach(lanes int, rtt time.Duration) int {
	return min(8+2*lanes+int(rtt/(10*time.Millisecond)), windowSize)
}
