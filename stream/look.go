package stream

import (
	"cmp"
	"slices"
	"time"
)

// look lets the controller see the lanes, and takes over what it wishes.
func (c *crew) look(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue.setReach(reach(len(c.lanes), c.rtt()))
	if c.steer != nil {
		c.want = c.steer.step(c.sample(now))
	}
}

// sample is called with mu held.
func (c *crew) sample(now time.Time) sample {
	s := sample{now: now, told: c.rolled, bound: c.bound(), fault: make(map[LaneKind]string)}
	for _, la := range c.lanes {
		if la.state == laneSending {
			s.lanes = append(s.lanes, laneSample{
				serial: la.serial, kind: la.kind, delivered: la.delivered, stats: la.pacer.stats(),
			})
		}
	}
	slices.SortFunc(s.lanes, func(a, b laneSample) int { return cmp.Compare(a.serial, b.serial) })
	for kind, r := range c.redial {
		if r.fault != "" {
			s.fault[kind], r.fault = r.fault, ""
		}
	}
	return s
}

// bound says what the session waits for at this moment. It is called with mu
// held.
func (c *crew) bound() bottleneck {
	for _, la := range c.lanes {
		if la.pacer != nil && la.pacer.waiting() {
			return boundLimit
		}
	}
	s := c.queue.standing()
	switch {
	case s.hungry > 0:
		return boundSource
	case s.full && !c.starved:
		return boundTarget
	default:
		return boundLine
	}
}

func sortLanes(list []*lane) {
	slices.SortFunc(list, func(a, b *lane) int { return cmp.Compare(a.serial, b.serial) })
}

// crewStats is what a session tells about its lanes.
type crewStats struct {
	quic, tcp, most, replaced int
	wire                      int64
	why                       string
}

func (c *crew) stats() crewStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := crewStats{most: c.most, replaced: c.replaced, wire: c.wire, why: c.want.reason}
	for _, la := range c.lanes {
		if la.pacer == nil {
			continue
		}
		s.wire += la.pacer.stats().wireBytes
		if la.kind == LaneTCP {
			s.tcp++
		} else {
			s.quic++
		}
	}
	return s
}
