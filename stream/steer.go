package stream

import (
	"fmt"
	"time"
)

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

// steerState is what a controller is about.
//
//	steady ─→ trial ───→ steady    one lane of the other kind beside; it stays if it brings more
//	steady ─→ sparing ──→ steady    one TCP lane beside; it stays if it carries no less
//	steady ─→ widening ─→ steady   twice the lanes; back unless they carry a tenth more
//
// Nothing changes in a second in which the line is not what is slow, but that a
// trial or widening which learns nothing for long is over. Sparing is for fast
// runs over a near line, or one that does not slow them down: there the processors
// are what is short, and a byte over TCP takes a third of what it takes over QUIC.
type steerState uint8

const (
	steerSteady   steerState = 1
	steerTrial    steerState = 2
	steerWidening steerState = 3
	steerSparing  steerState = 4
)

const (
	farAway     = 10 * time.Millisecond // round trip: more lanes from the start
	farLanes    = 4
	slowLong    = 20       // seconds of a slow line that loses nothing before something is tried
	slowBytes   = 64 << 20 // or so much on a fast one
	quickSpeed  = 20 << 20 // bytes/s for which QUIC takes a good part of a processor
	quickSecs   = 1        // of that, then TCP is tried for it
	quickStart  = 16 << 20 // or so many bytes at that speed, over a near line, from the start
	warmSeconds = 3        // after a change that are not judged: connections start slowly
	judged      = 3        // seconds that are
	trialTime   = 30 * time.Second
	spareTime   = 5 * time.Second
	muchBetter  = 1.3  // a lane of the other kind, to go over
	carriesMore = 1.05 // both kinds together than one before, too: else the line was full
	worthIt     = 1.1  // twice the lanes, to stay
	lossy       = 0.0005

	retryDead   = time.Minute      // the other kind, after its lanes died or were not judged
	retryWorse  = 10 * time.Minute // after it was worse, or could not be had
	retryBetter = time.Hour        // the one that was left
	retryWider  = 5 * time.Minute  // after a step back; doubles
)

// steer decides how many lanes of which kind a session has. It takes the time from
// what it is shown, and is not safe for concurrent use.
type steer struct {
	policy LanePolicy
	few    int  // lanes to begin with
	near   bool // the line is short
	alone  bool // there is no other kind here
	past   experience
	learn  func(experience) // told of what is new; nil: nobody

	state  steerState
	kind   LaneKind // of the lanes that do the work
	lanes  int      // of kind
	before float64  // bytes/s before a trial or widening
	begun  time.Time
	meter  meter
	lossOf float64   // when the other kind was tried
	wider  time.Time // not before
	hold   time.Duration
	reason string
}

// steerFrom makes the controller of one session. rtt is that of the mesh
// connection, past what earlier sessions with the peer have learned by now.
func steerFrom(policy LanePolicy, rtt time.Duration, past experience, now time.Time) *steer {
	s := &steer{
		policy: policy, few: defaultLanes, near: rtt <= farAway, past: past, state: steerSteady, kind: LaneQUIC, hold: retryWider,
	}
	if !s.near {
		s.few = farLanes
	}
	switch {
	case policy == LanesTCP:
		s.use(LaneTCP, "tcp: as set for this appliance")
	case policy == LanesQUIC:
		s.use(LaneQUIC, "quic: as set for this appliance")
	case past.prefers(now) == LaneTCP:
		s.use(LaneTCP, past.why)
	default:
		s.use(LaneQUIC, past.whyNot(now))
	}
	return s
}

// use makes kind the one that does the work.
func (s *steer) use(kind LaneKind, reason string) {
	s.kind, s.lanes, s.reason, s.state = kind, defaultLanes, reason, steerSteady
	if kind == LaneQUIC {
		s.lanes = s.few
	}
	s.meter.restart(0)
	if !s.near {
		s.meter.restart(1) // what a slow start loses, the line does not
	}
}

// step takes a sample and returns what there should be from now on. The first
// one has no lanes: its wish is what to begin with.
func (s *steer) step(x sample) wish {
	s.meter.add(x)
	if why, died := x.fault[s.kind]; died && s.kind == LaneTCP && s.policy == LanesAuto {
		s.fallBack(x.now, why)
		return s.wish()
	}
	switch s.state {
	case steerTrial:
		s.trial(x)
	case steerWidening:
		s.widening(x)
	case steerSparing:
		s.sparing(x)
	default:
		s.steady(x)
	}
	return s.wish()
}

// glance takes in what has come in all since the beginning, and says whether it
// wishes for something else now: a fast run does not wait for its first second.
func (s *steer) glance(now time.Time, came int64) (w wish, changed bool) {
	if len(s.meter.last) > 0 || s.state != steerSteady || s.kind != LaneQUIC || !s.near || !s.triesOther(now) {
		return wish{}, false
	}
	if came < quickStart || perSecond(came, now.Sub(s.meter.at)) < quickSpeed {
		return wish{}, false
	}
	s.state, s.begun = steerSparing, now
	return s.wish(), true
}

func (s *steer) wish() wish {
	count := map[LaneKind]int{s.kind: s.lanes}
	if s.state == steerTrial || s.state == steerSparing {
		count[s.other()] = 1
	}
	return wish{quic: count[LaneQUIC], tcp: count[LaneTCP], reason: s.why()}
}

func (s *steer) other() LaneKind {
	if s.kind == LaneTCP {
		return LaneQUIC
	}
	return LaneTCP
}

// fallBack leaves TCP lanes that died.
func (s *steer) fallBack(now time.Time, why string) {
	s.note(experience{until: now.Add(retryDead), kind: LaneQUIC, why: "quic: " + why})
	s.use(LaneQUIC, s.past.why)
}

func (s *steer) note(e experience) {
	s.past = e
	if s.learn != nil {
		s.learn(e)
	}
}

// steady looks for a reason to try something.
func (s *steer) steady(x sample) {
	m := &s.meter
	switch {
	case s.triesOther(x.now) && s.spares(x.bound):
		s.state, s.begun = steerSparing, x.now
	case x.bound != boundLine:
	case s.triesOther(x.now) && s.tries():
		s.state, s.begun, s.before, s.lossOf = steerTrial, x.now, m.rate(s.kind), m.loss(s.kind)
		m.restart(warmSeconds)
	case s.widens(x.now):
		s.state, s.begun, s.before = steerWidening, x.now, m.rate(s.kind)
		s.lanes *= 2
		m.restart(warmSeconds)
	}
}

func (s *steer) triesOther(now time.Time) bool {
	return s.policy == LanesAuto && !s.alone && !now.Before(s.past.until)
}

// tries says whether it is time to see what the other kind makes of a slow line.
func (s *steer) tries() bool {
	m := &s.meter
	return m.judged >= judged &&
		(m.loss(s.kind) >= lossy || m.slow >= slowLong || m.slowBytes >= slowBytes && m.rate(s.kind) >= quickSpeed)
}

// spares says whether TCP is worth a try because it takes less processor time.
func (s *steer) spares(bound bottleneck) bool {
	m := &s.meter
	return s.kind == LaneQUIC && (s.near || bound != boundLine) && m.quick >= quickSecs && m.loss(LaneQUIC) < lossy
}

// widens says whether more lanes are worth a try: where loss slows each one
// down, and in the long run on TCP, which the kernel may bound.
func (s *steer) widens(now time.Time) bool {
	m := &s.meter
	return s.lanes < maxLanes && m.judged >= judged && !now.Before(s.wider) &&
		(s.kind == LaneQUIC && m.loss(s.kind) >= lossy || s.kind == LaneTCP && m.slow >= slowLong)
}

// trial waits for a verdict about the other kind.
func (s *steer) trial(x sample) {
	other := s.other()
	name := other.String()
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
	if both := s.meter.rate(LaneQUIC) + s.meter.rate(LaneTCP); both < carriesMore*s.before {
		s.stay(x.now.Add(retryAfter(s.kind)), fmt.Sprintf("%s: fills the line, %s beside it brought no more", s.kind, name))
		return
	}
	times := ratio(s.meter.each(other), s.meter.each(s.kind))
	if times < muchBetter {
		s.stay(x.now.Add(retryAfter(s.kind)), fmt.Sprintf("%s: %s carried %.1f times as much", s.kind, name, times))
		return
	}
	why := fmt.Sprintf("%s: carried %.1f times as much as %s%s", name, times, s.kind, lossText(s.lossOf))
	s.note(experience{kind: other, until: x.now.Add(retryAfter(other)), why: why})
	s.use(other, why)
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

// why is the reason, or what is to be seen.
func (s *steer) why() string {
	if s.reason != "" {
		return s.reason
	}
	loss := lossText(s.meter.loss(s.kind))
	if loss == "" {
		return fmt.Sprintf("%s: %d lanes, no loss", s.kind, s.lanes)
	}
	return fmt.Sprintf("%s: %d lanes%s", s.kind, s.lanes, loss)
}

// lossText is " (0.9 % loss)", or empty for none to speak of.
func lossText(loss float64) string {
	if loss < lossy {
		return ""
	}
	return fmt.Sprintf(" (%.2g %% loss)", 100*loss)
}

// ratio of a to b, bounded: b may have carried nothing.
func ratio(a, b float64) float64 {
	const most = 99
	if a > most*b {
		return most
	}
	return a / b
}
