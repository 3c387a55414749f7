package stream

import (
	"fmt"
	"time"
)

// When a trial is over, and what comes of it.
const (
	trialTime   = 30 * time.Second
	spareTime   = 5 * time.Second
	muchBetter  = 1.3  // a lane of the other kind, to go over
	carriesMore = 1.05 // both kinds together than one before, too: else the line was full
	worthIt     = 1.1  // twice the lanes, to stay

	retryDead   = time.Minute      // the other kind, after its lanes died or were not judged
	retryWorse  = 10 * time.Minute // after it was worse, or could not be had
	retryBetter = time.Hour        // the one that was left
	retryWider  = 5 * time.Minute  // after a step back; doubles
)

// trial waits for a verdict about the other kind.
func (s *steer) trial(x sample) {
	other := s.other()
	if why, failed := x.fault[other]; failed {
		s.stay(x.now.Add(retryWorse), s.kind.String()+": "+why)
		return
	}
	if !s.meter.sees(other) {
		s.meter.restart(warmSeconds) // it is being opened
	}
	if s.meter.judged < judged || s.meter.each(other) == 0 {
		if x.now.Sub(s.begun) >= trialTime {
			s.stay(x.now.Add(retryDead), "")
		}
		return
	}
	better, why := s.verdict()
	if !better {
		s.stay(x.now.Add(retryAfter(s.kind)), why)
		return
	}
	s.note(experience{kind: other, until: x.now.Add(retryAfter(other)), why: why})
	s.use(other, why)
}

// verdict says whether the other kind is the better one, by what was judged of both.
func (s *steer) verdict() (better bool, why string) {
	other, m := s.other(), &s.meter
	if both := m.rate(LaneQUIC) + m.rate(LaneTCP); both < carriesMore*s.before {
		return false, fmt.Sprintf("%s: fills the line, %s beside it brought no more", s.kind, other)
	}
	times := ratio(m.each(other), m.each(s.kind))
	if times < muchBetter {
		return false, fmt.Sprintf("%s: %s carried %.1f times as much", s.kind, other, times)
	}
	return true, fmt.Sprintf("%s: carried %.1f times as much as %s%s", other, times, s.kind, lossText(s.lossOf))
}

// sparing waits until TCP carries no less than QUIC.
func (s *steer) sparing(x sample) {
	if why, failed := x.fault[LaneTCP]; failed {
		s.stay(x.now.Add(retryWorse), s.kind.String()+": "+why)
		return
	}
	if s.meter.matches(LaneTCP) {
		const why = "tcp: takes less processor time than quic"
		s.note(experience{kind: LaneTCP, until: x.now.Add(retryBetter), why: why})
		s.use(LaneTCP, why)
		return
	}
	if x.now.Sub(s.begun) < spareTime {
		return
	}
	if s.meter.sees(LaneTCP) {
		s.stay(x.now.Add(retryWorse), s.kind.String()+": a lane of tcp carried less")
		return
	}
	s.stay(x.now.Add(retryDead), "") // it is still being opened
}

// retryAfter is how long the other kind is left alone once kind was better.
func retryAfter(kind LaneKind) time.Duration {
	if kind == LaneTCP {
		return retryBetter
	}
	return retryWorse
}

// stay ends a trial. Without a reason nothing was learned.
func (s *steer) stay(until time.Time, reason string) {
	if reason != "" {
		s.reason = reason
	}
	s.note(experience{kind: s.kind, until: until, why: s.reason})
	s.state = steerSteady
	s.meter.restart(1)
}

// widening waits for a verdict about twice the lanes.
func (s *steer) widening(x sample) {
	switch {
	case s.meter.judged >= judged && s.meter.rate(s.kind) >= worthIt*s.before:
		s.hold = retryWider
	case s.meter.judged >= judged:
		s.lanes /= 2
		s.wider, s.hold = x.now.Add(s.hold), min(2*s.hold, retryBetter)
	case x.now.Sub(s.begun) >= trialTime:
		s.lanes /= 2
		s.wider = x.now.Add(retryDead)
	default:
		return
	}
	s.state = steerSteady
	s.meter.restart(1)
}

// ratio of a to b, bounded: b may have carried nothing.
func ratio(a, b float64) float64 {
	const most = 99
	if a > most*b {
		return most
	}
	return a / b
}
