package shaper

import (
	"fmt"
	"time"
)

// Profile says what one direction of a line does with packets. The zero value
// is a wire: it delivers all of them, in order and at once.
type Profile struct {
	Delay time.Duration // of each packet

	Rate  int64         // in bit/s of IP; 0: no limit
	Queue time.Duration // what waits for the line at Rate, drop-tail; 0: 50 ms

	Loss  float64 // share of packets lost at random, 0 to 1
	Burst float64 // mean length of a row of losses in packets; up to 1: each falls by itself

	Reorder   float64 // share of packets that come late, behind those that follow
	Duplicate float64 // share of packets that come twice

	MaxSize int  // bytes of IP; larger packets vanish and nobody is told; 0: all pass
	Down    bool // nothing passes
}

// defaultQueue is what the queue of a profile without one holds.
const defaultQueue = 50 * time.Millisecond

// check refuses what no line can do.
func (p Profile) check() error {
	switch {
	case p.Delay < 0 || p.Queue < 0 || p.Rate < 0 || p.MaxSize < 0:
		return fmt.Errorf("shape %+v: a negative value", p)
	case !isShare(p.Loss) || !isShare(p.Reorder) || !isShare(p.Duplicate):
		return fmt.Errorf("shape %+v: a share is 0 to 1", p)
	case p.Loss > 0 && p.Loss < 1 && p.Burst > 1 && p.Loss/(p.Burst*(1-p.Loss)) > 1:
		return fmt.Errorf("shape %+v: rows that short cannot lose that much", p)
	}
	return nil
}

func isShare(f float64) bool { return f >= 0 && f <= 1 }

// lateness is by how much a reordered packet is late: enough for others to pass
// it, too little to be taken for lost by a clock.
func (p Profile) lateness() time.Duration { return max(2*time.Millisecond, p.Delay/4) }
