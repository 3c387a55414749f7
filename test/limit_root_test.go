//go:build root

package test

import (
	"testing"
	"time"
)

// A limit counts bytes of IP, and changes act on the run under way.
func TestLimitsHoldOnTheWireAndChangeWithinARun(t *testing.T) {
	t.Parallel()
	s := newStretch(t)
	p := thin()
	p.Rate = 100 * megabit
	s.shape(p)
	s.a.must("task", "edit", s.task, "--bwlimit", "1M")
	run := s.begin(96 << 20)
	s.wantRate("--bwlimit 1M", 1<<20)
	s.a.must("appliance", "limit", "nas-b", "512K")
	s.wantRate("the appliance at 512K", 512<<10)
	s.a.must("task", "edit", s.task, "--bwlimit", "3M")
	s.a.must("appliance", "limit", "nas-b", "2M")
	s.wantRate("the appliance at 2M", 2<<20)
	s.a.must("appliance", "limit", "nas-b", "off")
	s.a.must("task", "edit", s.task, "--bwlimit", "off")
	s.wantDone(run, 4*patience)
}

// wantRate wants so many bytes a second to leave the source, within 10 %. A machine
// that is busy may keep the source, the line or this test from a processor for a
// while, so not the first seconds have to be like that, but some.
func (s *stretch) wantRate(what string, want float64) {
	s.t.Helper()
	const span, tries = 6 * time.Second, 5
	time.Sleep(2 * time.Second) // what the line and the queues hold of the time before
	for range tries {
		before, began := s.left(), time.Now()
		time.Sleep(span)
		got := float64(s.left()-before) / time.Since(began).Seconds()
		s.t.Logf("%s: %.0f bytes/s on the wire, %.3f of the limit", what, got, got/want)
		if got > 0.9*want && got < 1.1*want {
			return
		}
	}
	s.t.Errorf("%s: never %.0f bytes/s on the wire within 10 %%", what, want)
}

// left is how many bytes the line has brought from the source.
func (s *stretch) left() int64 {
	fromA, _ := s.Counts()
	return fromA.Bytes
}
