package stream

import (
	"maps"
	"math"
	"time"
)

// path is a model of a line and of what the two kinds of lane make of it.
type path struct {
	speed      float64 // bytes/s
	rtt        time.Duration
	loss       float64 // random, 0..1
	losing     float64 // part of a packet
	quic, tcp  float64 // bytes/s that the processors let one lane carry; 0: any
	refused    string  // why TCP cannot be had
	tcpReno    bool    // the kernel has no bbr
	crowded    bool    // QUIC carries little where TCP does beside it
	bound      bottleneck
	source     float64       // bytes/s that the source gives; 0: any
	diesAfter  time.Duration // TCP lanes die then, once
	died       bool
	serial     uint32
	open       map[uint32]*laneSample
	opened     map[uint32]time.Duration
	at         time.Duration
	changes    int
	lastChange time.Duration
	last       wish
}

const mss = 1300.0

// reno is what one lane carries that takes every loss for congestion.
func (p *path) reno() float64 {
	if p.loss == 0 {
		return math.Inf(1)
	}
	return 1.2 * mss / (p.rtt.Seconds() * math.Sqrt(p.loss))
}

func (p *path) most(la *laneSample) float64 {
	limit, most := p.quic, p.reno()
	if la.kind == LaneTCP {
		if limit = p.tcp; !p.tcpReno {
			most = math.Inf(1)
		}
	} else if p.crowded && p.last.tcp > 0 {
		most = p.speed / 20
	}
	if limit > 0 {
		most = min(most, limit)
	}
	if p.starts(la) {
		most /= 4
	}
	return most
}

// starts says whether a lane is still finding out what the line carries.
func (p *path) starts(la *laneSample) bool {
	return p.at-p.opened[la.serial] <= time.Second
}

// second lets a second pass and returns what is seen after it.
func (p *path) second() sample {
	p.at += time.Second
	left := p.speed
	if p.source > 0 {
		left = min(left, p.source)
	}
	todo := make(map[uint32]*laneSample)
	maps.Copy(todo, p.open)
	for len(todo) > 0 { // the slow ones first: each gets no more than its share
		var least *laneSample
		for _, la := range todo {
			if least == nil || p.most(la) < p.most(least) {
				least = la
			}
		}
		got := min(p.most(least), left/float64(len(todo)))
		left -= got
		delete(todo, least.serial)
		least.delivered += int64(got)
		least.stats.packets += int64(got / mss)
		if p.starts(least) {
			least.stats.lost += int64(got / mss / 10) // it went too fast before it knew
		}
		p.losing += got / mss * p.loss
		least.stats.lost += int64(p.losing)
		p.losing -= math.Floor(p.losing)
	}
	now := time.Unix(1e9, 0).Add(p.at)
	s := sample{now: now, told: now, bound: p.bound, fault: map[LaneKind]string{}}
	for _, la := range p.open {
		s.lanes = append(s.lanes, *la)
	}
	if p.bound == 0 {
		s.bound = boundLine
		if p.source > 0 && left <= 1 {
			s.bound = boundSource
		}
	}
	return s
}

// follow opens and closes lanes as w says.
func (p *path) follow(w wish, s *sample) {
	if w.quic != p.last.quic || w.tcp != p.last.tcp {
		p.changes, p.lastChange, p.last = p.changes+1, p.at, w
	}
	for kind, want := range map[LaneKind]int{LaneQUIC: w.quic, LaneTCP: w.tcp} {
		if kind == LaneTCP && want > 0 && p.refused != "" {
			s.fault[LaneTCP] = p.refused
			continue
		}
		p.count(kind, want)
	}
}

func (p *path) count(kind LaneKind, want int) {
	for serial, la := range p.open {
		if la.kind != kind {
			continue
		}
		if want--; want < 0 {
			delete(p.open, serial)
		}
	}
	for ; want > 0; want-- {
		p.serial++
		p.open[p.serial], p.opened[p.serial] = &laneSample{serial: p.serial, kind: kind}, p.at
	}
}

// drive lets s steer over p for d.
func (p *path) drive(s *steer, d time.Duration) (w wish) {
	p.open, p.opened = make(map[uint32]*laneSample), make(map[uint32]time.Duration)
	fault := sample{fault: map[LaneKind]string{}}
	w = s.step(sample{now: time.Unix(1e9, 0), told: time.Unix(1e9, 0)})
	p.follow(w, &fault)
	for p.at < d {
		x := p.second()
		maps.Copy(x.fault, fault.fault)
		fault.fault = map[LaneKind]string{}
		if p.diesAfter > 0 && p.at >= p.diesAfter && !p.died {
			p.died, x.fault[LaneTCP] = true, "tcp 10.0.0.2:7945 reset"
			p.count(LaneTCP, 0)
		}
		w = s.step(x)
		p.follow(w, &fault)
	}
	return w
}

const mbit = 1e6 / 8
