package stream

import (
	"sync"
	"time"
)

// stallAfter is the watchdog's patience: longer than the 7 s that a 4 s outage
// of the path costs.
const stallAfter = 10 * time.Second

// stall decides whether a run is stuck: the target has acknowledged nothing
// for stallAfter while data waits for it. A target that has data and is slow
// with it counts as moving, as long as it says so; one that starves does not:
// the data connections are dead although the mesh connection lives. Safe for
// concurrent use.
type stall struct {
	mu      sync.Mutex
	moved   time.Time // last sign of movement, or last time nothing waited
	applied int64
	chunks  uint64
}

// seen takes in a report of the target.
func (s *stall) seen(now time.Time, p progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Applied > s.applied || p.Chunks > s.chunks || !p.Starved {
		s.moved = now
	}
	s.applied, s.chunks = max(s.applied, p.Applied), max(s.chunks, p.Chunks)
}

// stuck is asked regularly: sent is the number of chunks handed to the lanes,
// ending whether the target owes the final answer.
func (s *stall) stuck(now time.Time, sent uint64, ending bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sent <= s.chunks && !ending {
		s.moved = now
	}
	return now.Sub(s.moved) >= stallAfter
}

func (s *stall) appliedBytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applied
}
