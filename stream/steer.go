package stream

import (
	"fmt"
	"time"
)

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
	slowLong    = 20       // seconds of a slow line before TCP is widened
	cleanLong   = 120      // seconds of one that loses nothing before TCP is tried: a trial costs 2 s of the line
	slowBytes   = 64 << 20 // or so much on a fast one
	quickSpeed  = 20 << 20 // bytes/s for which QUIC takes a good part of a processor
	quickSecs   = 1        // of that, then TCP is tried for it
	quickStart  = 16 << 20 // or so many bytes at that speed, over a near line, from the start
	warmSeconds = 3        // after a change that are not judged: connections start slowly
	judged      = 3        // seconds that are
	lossy       = 0.0005
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

// steerBlocked makes the controller of a session whose mesh connection is a tunnel.
// What it sees teaches nothing of the time when UDP answers. Where TCP lanes are not
// to be had either, all goes through the tunnel.
func steerBlocked(policy LanePolicy, rtt time.Duration) *steer {
	s := steerFrom(policy, rtt, experience{}, time.Time{})
	s.alone = true
	if policy == LanesAuto {
		s.use(LaneTCP, "tcp: "+errNoUDP.Error())
	}
	return s
}

// use makes kind the one that does the work.
func (s *steer) use(kind LaneKind, reason string) {
	s.kind, s.lanes, s.reason, s.state = kind, defaultLanes, reason, steerSteady
	if kind == LaneQUIC {
		s.lanes = s.few
	}
	skip := 0
	if !s.near {
		skip = 1 // what a slow start loses, the line does not
	}
	s.meter.restart(skip)
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
		(m.loss(s.kind) >= lossy || m.slow >= cleanLong || m.slowBytes >= slowBytes && m.rate(s.kind) >= quickSpeed)
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
