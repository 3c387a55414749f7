package stream

import "time"

// meter sums up what lanes have carried in the seconds in which the lanes,
// and nothing else, were what was slow; or the source, which gives more to who
// is faster. The zero value is ready.
type meter struct {
	last map[uint32]laneSample
	at   time.Time // of what the target said last
	skip int       // seconds still to be passed over

	judged    int // seconds that count
	span      time.Duration
	bytes     map[LaneKind]int64
	laneTime  map[LaneKind]time.Duration // of all lanes together
	slow      int                        // seconds in a row with a slow line, the last ones
	slowBytes int64                      // in them
	quick     int                        // seconds in a row of quickSpeed or more that no limit held back, the last ones
	latest    map[LaneKind]int64         // bytes in the last second, of the lane that carried most
	packets   map[LaneKind]int64
	lost      map[LaneKind]int64
}

// restart forgets all but the lanes, and passes over some seconds.
func (m *meter) restart(skip int) {
	*m = meter{
		last: m.last, at: m.at, skip: skip, bytes: make(map[LaneKind]int64), laneTime: make(map[LaneKind]time.Duration),
		packets: make(map[LaneKind]int64), lost: make(map[LaneKind]int64),
	}
}

// add takes a sample in, unless the target has said nothing since the last one:
// bytes are counted by its clock, for what it says comes in some seconds twice.
func (m *meter) add(x sample) {
	before, passed := m.last, x.told.Sub(m.at)
	if passed <= 0 {
		return
	}
	m.last, m.at = make(map[uint32]laneSample, len(x.lanes)), x.told
	for _, la := range x.lanes {
		m.last[la.serial] = la
	}
	m.hurry(before, x, passed)
	if x.bound != boundLine && x.bound != boundSource {
		m.slow, m.slowBytes = 0, 0
		return
	}
	counts := m.skip == 0 && len(before) > 0
	m.skip = max(m.skip-1, 0)
	if counts {
		m.judged++
		m.span += passed
	}
	total := int64(0)
	for _, la := range x.lanes {
		total += m.addLane(before, la, passed, counts)
	}
	m.slow, m.slowBytes = m.slow+1, m.slowBytes+total
	if x.bound != boundLine {
		m.slow, m.slowBytes = 0, 0
	}
}

// hurry counts the seconds in which much is carried, and who carries it. A lane
// that was not there before has begun since.
func (m *meter) hurry(before map[uint32]laneSample, x sample, passed time.Duration) {
	m.latest = make(map[LaneKind]int64)
	moved := int64(0)
	for _, la := range x.lanes {
		carried := max(la.delivered-before[la.serial].delivered, 0)
		m.latest[la.kind] = max(m.latest[la.kind], carried)
		moved += carried
	}
	if m.quick++; x.bound == boundLimit || perSecond(moved, passed) < quickSpeed {
		m.quick = 0
	}
}

// addLane returns the bytes that la has delivered since before.
func (m *meter) addLane(before map[uint32]laneSample, la laneSample, passed time.Duration, counts bool) int64 {
	was, known := before[la.serial]
	if !known {
		return 0
	}
	moved := max(la.delivered-was.delivered, 0)
	if counts {
		m.packets[la.kind] += max(la.stats.packets-was.stats.packets, 0)
		m.lost[la.kind] += max(la.stats.lost-was.stats.lost, 0)
		m.bytes[la.kind] += moved
		m.laneTime[la.kind] += passed
	}
	return moved
}

// sees says whether a lane of a kind was open in the last sample.
func (m *meter) sees(k LaneKind) bool {
	for _, la := range m.last {
		if la.kind == k {
			return true
		}
	}
	return false
}

// matches says whether in the last second a lane of a kind carried as much as any
// of the other.
func (m *meter) matches(k LaneKind) bool {
	for _, carried := range m.latest {
		if m.latest[k] < carried {
			return false
		}
	}
	return m.latest[k] > 0
}

// rate is what all lanes of a kind carried, bytes/s.
func (m *meter) rate(k LaneKind) float64 { return perSecond(m.bytes[k], m.span) }

// each is what one lane of a kind carried, bytes/s.
func (m *meter) each(k LaneKind) float64 { return perSecond(m.bytes[k], m.laneTime[k]) }

// loss is the part of the packets that was lost, 0..1.
func (m *meter) loss(k LaneKind) float64 {
	if m.packets[k] == 0 {
		return 0
	}
	return float64(m.lost[k]) / float64(m.packets[k])
}

func perSecond(bytes int64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(bytes) / d.Seconds()
}
