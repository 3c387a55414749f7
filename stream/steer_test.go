package stream

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSteeringSettles(t *testing.T) {
	far := 50 * time.Millisecond
	for name, c := range map[string]struct {
		path
		policy  LanePolicy
		quic    int // lanes it settles on
		tcp     int
		most    int           // of tcp, if more are as good; 0: tcp
		why     string        // is contained in the reason
		within  time.Duration // it settles, with nothing but trials after that
		changes int           // at most, in an hour
	}{
		"a clean gigabit line": {
			path: path{speed: 1000 * mbit, rtt: time.Millisecond}, tcp: 2, most: 4, why: "tcp: takes less processor time",
			within: 10 * time.Second, changes: 40,
		},
		"a clean line of 100 Mbit/s": {
			path: path{speed: 100 * mbit, rtt: time.Millisecond}, quic: 2, why: "quic: fills the line",
			within: 110 * time.Second, changes: 16,
		},
		"a clean far line": {
			path: path{speed: 100 * mbit, rtt: far}, quic: 4, why: "quic: fills the line", within: 110 * time.Second, changes: 16,
		},
		"the same where QUIC gives way to TCP": {
			path: path{speed: 100 * mbit, rtt: far, crowded: true}, quic: 4, why: "quic: fills the line", within: 110 * time.Second, changes: 16,
		},
		"a line faster than QUIC": {
			path: path{speed: 10000 * mbit, rtt: time.Millisecond, quic: 200e6, tcp: 900e6}, tcp: 2, most: 4,
			why: "tcp: takes less processor time", within: 10 * time.Second, changes: 40,
		},
		"the same with TCP that is slower": {
			path: path{speed: 10000 * mbit, rtt: time.Millisecond, quic: 200e6, tcp: 100e6}, quic: 2, why: "quic: a lane of tcp carried less",
			within: 10 * time.Second, changes: 20,
		},
		"a far line that loses 0.1 %": {
			path: path{speed: 100 * mbit, rtt: far, loss: 0.001}, tcp: 2, most: 4, why: "times as much as quic",
			within: 30 * time.Second, changes: 40,
		},
		"a far line that loses 1 %": {
			path: path{speed: 100 * mbit, rtt: far, loss: 0.01}, tcp: 2, most: 4, why: "% loss)",
			within: 30 * time.Second, changes: 40,
		},
		"the same with TCP closed": {
			path: path{speed: 100 * mbit, rtt: far, loss: 0.01, refused: "tcp 10.0.0.2:7945 refused"}, quic: 16,
			why: "quic: tcp 10.0.0.2:7945 refused", within: 60 * time.Second, changes: 20,
		},
		"the same with QUIC alone": {
			path: path{speed: 100 * mbit, rtt: far, loss: 0.01}, policy: LanesQUIC, quic: 16, why: "as set", within: 60 * time.Second, changes: 4,
		},
		"the same with a kernel without bbr": {
			path: path{speed: 100 * mbit, rtt: far, loss: 0.01, tcpReno: true}, quic: 16,
			why: "quic: tcp carried 1.0 times as much", within: 60 * time.Second, changes: 20,
		},
		"a slow source": {
			path: path{speed: 1000 * mbit, rtt: time.Millisecond, source: 10e6}, quic: 2, why: "quic: 2 lanes, no loss", within: time.Second, changes: 1,
		},
		"a source that keeps the processors busy": {
			path: path{speed: 1000 * mbit, rtt: time.Millisecond, source: 90e6}, tcp: 2, why: "tcp: takes less processor time",
			within: 10 * time.Second, changes: 3,
		},
		"a target that does": {
			path: path{speed: 1000 * mbit, rtt: time.Millisecond, bound: boundTarget}, tcp: 2, why: "tcp: takes less processor time",
			within: 10 * time.Second, changes: 3,
		},
		"the same with a peer without TCP": {
			path: path{speed: 1000 * mbit, rtt: time.Millisecond, bound: boundTarget, refused: "tcp 10.0.0.2:7945 refused"}, quic: 2,
			why: "quic: tcp 10.0.0.2:7945 refused", within: 10 * time.Second, changes: 20,
		},
		"the same with QUIC as set": {
			path: path{speed: 1000 * mbit, rtt: time.Millisecond, bound: boundTarget}, policy: LanesQUIC, quic: 2,
			why: "quic: as set", within: time.Second, changes: 1,
		},
		"a slow target": {
			path: path{speed: 100 * mbit, rtt: far, loss: 0.01, bound: boundTarget}, quic: 4, why: "quic: 4 lanes", within: time.Second, changes: 1,
		},
		"a limit": {
			path: path{speed: 100 * mbit, rtt: far, loss: 0.01, bound: boundLimit}, quic: 4, why: "quic: 4 lanes", within: time.Second, changes: 1,
		},
		"TCP as set": {
			path: path{speed: 100 * mbit, rtt: far}, policy: LanesTCP, tcp: 2, most: 4, why: "tcp: as set", within: 30 * time.Second, changes: 20,
		},
	} {
		t.Run(name, func(t *testing.T) {
			short, p := c.path, c.path
			rtt, start := p.rtt, time.Unix(1e9, 0)
			early := short.drive(steerFrom(c.policy, rtt, experience{}, start), c.within)
			w := p.drive(steerFrom(c.policy, rtt, experience{}, start), time.Hour-time.Second)
			for when, w := range map[string]wish{"early": early, "late": w} {
				if w.quic != c.quic || w.tcp < c.tcp || w.tcp > max(c.tcp, c.most) {
					t.Errorf("%s: %+v", when, w)
				}
			}
			if !strings.Contains(w.reason, c.why) {
				t.Errorf("reason %q, want %q", w.reason, c.why)
			}
			if p.changes > c.changes {
				t.Errorf("%d changes in an hour", p.changes)
			}
		})
	}
}

func TestFastStartDoesNotWaitForItsFirstSecond(t *testing.T) {
	near, start := time.Millisecond, time.Unix(1e9, 0)
	for name, c := range map[string]struct {
		policy LanePolicy
		rtt    time.Duration
		past   experience
		came   int64
		after  time.Duration
		tcp    int
	}{
		"fast":                   {LanesAuto, near, experience{}, 16 << 20, 200 * time.Millisecond, 1},
		"not much yet":           {LanesAuto, near, experience{}, 15 << 20, 100 * time.Millisecond, 0},
		"slow":                   {LanesAuto, near, experience{}, 16 << 20, 900 * time.Millisecond, 0},
		"far":                    {LanesAuto, 20 * time.Millisecond, experience{}, 16 << 20, 200 * time.Millisecond, 0},
		"QUIC as set":            {LanesQUIC, near, experience{}, 16 << 20, 200 * time.Millisecond, 0},
		"TCP was refused lately": {LanesAuto, near, experience{until: start.Add(time.Hour), kind: LaneQUIC}, 16 << 20, 200 * time.Millisecond, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := steerFrom(c.policy, c.rtt, c.past, start)
			s.step(sample{now: start, told: start})
			w, changed := s.glance(start.Add(c.after), c.came)
			if changed != (c.tcp > 0) || w.tcp != c.tcp || changed && w.quic != defaultLanes {
				t.Errorf("%v, %+v", changed, w)
			}
			if _, again := s.glance(start.Add(c.after), c.came); again {
				t.Error("the same again")
			}
		})
	}
}

func TestSteeringLeavesTCPThatDiesAndComesBack(t *testing.T) {
	p := path{speed: 100 * mbit, rtt: 50 * time.Millisecond, loss: 0.01, diesAfter: 2 * time.Minute}
	s := steerFrom(LanesAuto, p.rtt, experience{}, time.Unix(1e9, 0))
	if w := p.drive(s, 2*time.Minute); w.tcp != 0 || w.quic != farLanes || !strings.Contains(w.reason, "reset") {
		t.Errorf("after TCP has died: %+v", w)
	}
	p = path{speed: 100 * mbit, rtt: 50 * time.Millisecond, loss: 0.01, diesAfter: 2 * time.Minute}
	s = steerFrom(LanesAuto, p.rtt, experience{}, time.Unix(1e9, 0))
	if w := p.drive(s, 4*time.Minute); w.tcp < 2 || w.quic != 0 {
		t.Errorf("two minutes after: %+v", w)
	}
}

func TestNextRunBeginsWithWhatWasLearned(t *testing.T) {
	p, book := path{speed: 100 * mbit, rtt: 50 * time.Millisecond, loss: 0.01}, experience{}
	start := time.Unix(1e9, 0)
	s := steerFrom(LanesAuto, p.rtt, book, start)
	s.learn = func(e experience) { book = e }
	p.drive(s, time.Minute)
	for _, c := range []struct {
		after     time.Duration
		quic, tcp int
	}{{2 * time.Minute, 0, 2}, {50 * time.Minute, 0, 2}, {2 * time.Hour, farLanes, 0}} {
		w := steerFrom(LanesAuto, p.rtt, book, start.Add(c.after)).step(sample{now: start.Add(c.after)})
		if w.quic != c.quic || w.tcp != c.tcp {
			t.Errorf("after %v: %+v", c.after, w)
		}
	}
}

func TestRefusedTCPIsLeftAloneForTenMinutes(t *testing.T) {
	p, book := path{speed: 1000 * mbit, rtt: time.Millisecond, refused: "tcp 10.0.0.2:7945 refused"}, experience{}
	s := steerFrom(LanesAuto, p.rtt, book, time.Unix(1e9, 0))
	s.learn = func(e experience) { book = e }
	if w := p.drive(s, time.Minute); w.reason != "quic: tcp 10.0.0.2:7945 refused" || p.changes != 3 {
		t.Errorf("%+v after %d changes", w, p.changes)
	}
	next := path{speed: 1000 * mbit, rtt: time.Millisecond}
	s = steerFrom(LanesAuto, next.rtt, book, time.Unix(1e9, 0))
	if next.drive(s, 9*time.Minute); next.changes != 1 {
		t.Errorf("%d changes", next.changes)
	}
}

func TestWhyALaneIsNotThereIsSaidInWords(t *testing.T) {
	for want, err := range map[string]error{
		"tcp 10.0.0.2:7945 refused":           fmt.Errorf("dial: %w", &NoTCPError{Addr: "10.0.0.2:7945", Why: "refused"}),
		"tcp is off here":                     errNoTCP,
		"nothing arrived on a tcp lane":       errStill,
		"a tcp lane was not answered in time": fmt.Errorf("dial: %w", context.DeadlineExceeded),
		"a tcp lane broke":                    fmt.Errorf("write tcp 10.0.0.1:4711: %w", syscall.ECONNRESET),
	} {
		if got := faultText(LaneTCP, err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
