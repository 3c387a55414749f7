package stream

import "time"

// bottleneck says what a run waits for.
type bottleneck uint8

const (
	boundLine   bottleneck = 1 // chunks are ready and the window has room: the lanes are what is slow
	boundSource bottleneck = 2 // the lanes wait for chunks
	boundTarget bottleneck = 3 // the window is full: the target does not apply as fast as it receives
	boundLimit  bottleneck = 4 // a Rate holds the lanes back
)

// laneSample is one open lane at one moment.
type laneSample struct {
	serial    uint32
	kind      LaneKind
	delivered int64 // bytes the target has received on it, as it said last
	stats     carrierStats
}

// sample is what is seen of a session's lanes, once a second.
type sample struct {
	now   time.Time
	told  time.Time // when the target last said what has come on each lane
	lanes []laneSample
	bound bottleneck
	fault map[LaneKind]string // kinds whose last lane could not be opened or died since the last sample, and why
}

// wish is how many lanes of each kind there should be, and why, for people.
type wish struct {
	quic, tcp int
	reason    string // "quic: 2 lanes, no loss"
}
