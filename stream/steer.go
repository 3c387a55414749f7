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
	lanes []laneSample
	bound bottleneck
	fault map[LaneKind]string // kinds whose last lane could not be opened or died since the last sample, and why
}

// wish is how many lanes of each kind there should be, and why, for people.
type wish struct {
	quic, tcp int
	reason    string // "quic: 2 lanes, no loss"
}

// steer decides how many lanes of which kind a session has. It belongs to one
// goroutine.
type steer struct{ policy LanePolicy }

// newSteer makes the controller of one session. rtt is that of the mesh
// connection.
func newSteer(policy LanePolicy, rtt time.Duration) *steer { return &steer{policy: policy} }

// step takes a sample and returns what there should be from now on. The first
// one has no lanes: its wish is what to begin with.
func (s *steer) step(sample) wish { return wish{quic: defaultLanes, reason: "quic: 2 lanes"} }
