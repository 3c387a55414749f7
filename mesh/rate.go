package mesh

import "time"

// rateWindow is over how long the shown rate of a run is taken.
const rateWindow = 10 * time.Second

// rateMeter turns byte counts seen now and then into a rate over about the last
// ten seconds. The zero value is ready; the caller serialises.
type rateMeter struct{ seen []rateSample }

type rateSample struct {
	at    time.Time
	bytes int64
}

// rate notes that bytes were done at now and returns bytes per second, 0 while
// unknown.
func (m *rateMeter) rate(now time.Time, bytes int64) float64 {
	m.seen = append(m.seen, rateSample{now, bytes})
	for len(m.seen) > 2 && now.Sub(m.seen[1].at) >= rateWindow {
		m.seen = m.seen[1:]
	}
	first := m.seen[0]
	span := now.Sub(first.at).Seconds()
	if span <= 0 {
		return 0
	}
	return float64(bytes-first.bytes) / span
}

// rate returns the run's bytes per second.
func (r *run) rate(now time.Time, bytes int64) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.meter.rate(now, bytes)
}

// lineRate returns the bytes per second that the run puts on the line.
func (r *run) lineRate(now time.Time, bytes int64) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.line.rate(now, bytes)
}
