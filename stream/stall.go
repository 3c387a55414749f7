package stream

import (
	"sync"
	"time"
)

// stallAfter is the patience with a session as a whole. Lanes that fail are
// replaced meanwhile, several times if need be.
const stallAfter = time.Minute

// stallBytes is how much must come to count: a path that swallows large packets
// lets headers through.
const stallBytes = 16 << 10

// stall decides whether a run is stuck: the target has acknowledged nothing, and
// next to nothing has come on any lane, for stallAfter while data waits for it. A
// target that has data and is slow with it counts as moving, as long as it says
// so. Safe for concurrent use.
type stall struct {
	mu      sync.Mutex
	moved   time.Time // last sign of movement, or last time nothing waited
	applied int64
	chunks  uint64
	bytes   int64 // that came on all lanes, when that last counted
}

// seen takes in a report of the target.
func (s *stall) seen(now time.Time, p progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	came := p.Bytes-s.bytes >= stallBytes
	if came {
		s.bytes = p.Bytes
	}
	if p.Applied > s.applied || p.Chunks > s.chunks || came || !p.Starved {
		s.moved = now
	}
	s.applied, s.chunks = max(s.applied, p.Applied), max(s.chunks, p.Chunks)
}

// stuck is asked regularly; waits says whether anything waits for the target.
func (s *stall) stuck(now time.Time, waits bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !waits {
		s.moved = now
	}
	return now.Sub(s.moved) >= stallAfter
}

func (s *stall) appliedBytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applied
}
