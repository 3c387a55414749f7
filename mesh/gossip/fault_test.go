package gossip

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"btrmesh/certs"
)

func TestGoodbyeIsHeardAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := newConverged(t, 5)
		begin := time.Now()
		s.leave(4)
		s.until(time.Second, s.converged)
		if took := time.Since(begin); took > DefaultTiming().Leave+time.Second {
			t.Errorf("leaving took %s", took)
		}
	})
}

func TestRestartedMemberIsAliveWithinSeconds(t *testing.T) {
	for _, down := range []time.Duration{100 * time.Millisecond, 15 * time.Second, 5 * time.Minute} {
		t.Run(down.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				t.Helper()
				s := newConverged(t, 5)
				s.kill(4)
				time.Sleep(down)
				s.start(4)
				took := s.until(10*time.Second, s.converged)
				time.Sleep(deadline)
				s.until(0, s.converged)
				t.Logf("down for %s: back for all after %s", down, took)
			})
		})
	}
}

func TestPartitionHealsWithinAMinute(t *testing.T) {
	for _, size := range []int{2, 4, 5, 16} {
		for _, cut := range []time.Duration{12 * time.Second, 90 * time.Second, 10 * time.Minute} {
			t.Run(fmt.Sprint(size, cut), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					t.Helper()
					partition(t, size, cut)
				})
			})
		}
	}
}

func partition(t *testing.T, size int, cut time.Duration) {
	t.Helper()
	s := newConverged(t, size)
	side := func(id certs.ID) bool { return slices.Index(s.ids, id) < size/2 }
	s.setCut(func(from, to certs.ID) bool { return side(from) != side(to) })
	begin := time.Now()
	found := s.until(time.Minute, func(n *node, of certs.ID) bool {
		return n.g.Liveness(of).Answers() == (side(n.id) == side(of))
	})
	time.Sleep(cut - time.Since(begin))
	s.give(0, "of one side")
	s.setCut(nil)
	healed := s.until(time.Minute, s.converged)
	known := s.until(time.Minute, func(n *node, _ certs.ID) bool { return n.records.has("of one side") })
	t.Logf("%d members: other half dead after %s, healed after %s, record known after another %s", size, found, healed, known)
}

func TestOneWayCutBetweenTwoMembersLosesNobody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := newConverged(t, 4)
		s.setCut(func(from, to certs.ID) bool { return from == s.ids[0] && to == s.ids[1] })
		time.Sleep(5 * time.Minute)
		s.wantNobodyDied()
		s.spread(0, "around the cut", 5*time.Second)
	})
}

func TestSlowMemberIsNeverDead(t *testing.T) {
	for _, size := range []int{2, 3, 8} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				t.Helper()
				s := newConverged(t, size)
				s.setDelay(func(from, _ certs.ID) time.Duration {
					if from == s.ids[0] {
						return 500 * time.Millisecond
					}
					return 0
				})
				time.Sleep(10 * time.Minute)
				s.wantNobodyDied()
			})
		})
	}
}

// A second before the first suspicion can be over, all can still be told.
func TestMemberThatStallsForShortIsNeverDead(t *testing.T) {
	for _, size := range []int{5, 8} { // without a ring, and with one
		inBubble(t, func(t *testing.T) {
			t.Helper()
			s := newConverged(t, size)
			for range 20 {
				stall := time.Now().Add(2500 * time.Millisecond)
				s.setDelay(func(from, to certs.ID) time.Duration {
					if from == s.ids[0] || to == s.ids[0] {
						return max(0, time.Until(stall))
					}
					return 0
				})
				time.Sleep(15 * time.Second)
			}
			s.wantNobodyDied()
		})
	}
}

func TestLossyNetworkLosesNeitherMembersNorRecords(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := newConverged(t, 8)
		s.setLoss(0.1)
		for i := range 20 {
			s.spread(i%8, fmt.Sprint("record ", i), 10*time.Second)
			time.Sleep(10 * time.Second)
		}
		s.wantNobodyDied()
	})
}

// wantNobodyDied fails if any node was ever told that a running one is dead.
func (s *sim) wantNobodyDied() {
	s.t.Helper()
	for _, n := range s.all() {
		for _, other := range s.all() {
			if slices.Contains(n.heardOf(other.id), Dead) {
				s.t.Errorf("for %s, %s was dead", n.id.Short(), other.id.Short())
			}
		}
	}
}
