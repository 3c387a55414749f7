package gossip

import (
	"testing"
	"time"

	"btrmesh/certs"
)

func TestNeighboursAreNextInTheOrderOfIDs(t *testing.T) {
	id := func(b byte) certs.ID { return certs.ID{b} }
	others := []certs.ID{id(9), id(1), id(7), id(3), id(5)}
	cases := []struct {
		name   string
		self   certs.ID
		others []certs.ID
		side   side
		want   certs.ID
	}{
		{"after", id(4), others, after, id(5)},
		{"before", id(4), others, before, id(3)},
		{"after the last", id(10), others, after, id(1)},
		{"before the last", id(10), others, before, id(9)},
		{"after the first", id(0), others, after, id(1)},
		{"before the first", id(0), others, before, id(9)},
		{"of too few", id(4), others[1:], after, certs.ID{}},
		{"of none", id(4), nil, before, certs.ID{}},
	}
	for _, c := range cases {
		if got := neighbour(c.self, c.others, c.side); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestNeighbourIsAskedWhenItWasSilentForLong(t *testing.T) {
	w := newWatches()[after]
	w.turn(testID(1), begin)
	for _, heard := range []time.Duration{0, 500 * time.Millisecond, time.Minute} {
		if got := w.due(begin.Add(heard)); got != begin.Add(heard+patienceAfter) {
			t.Errorf("heard at %s, asked at %s", heard, got.Sub(begin))
		}
	}
	w.judge(begin.Add(time.Minute), true, false) // somebody else answered
	if got := w.due(begin); got != begin.Add(time.Minute+patienceAfter) {
		t.Errorf("asked again after %s", got.Sub(begin))
	}
}

func TestSilenceOfANeighbourIsJudged(t *testing.T) {
	cases := []struct {
		name                    string
		proven, answered, heard bool
		accuse, then            bool
	}{
		{"an answer", true, true, true, false, true},
		{"another sign of life", true, false, true, false, true},
		{"silence", true, false, false, true, false},
		{"silence on a link that never worked", false, false, false, false, false},
		{"a sign of life on one that works one way", false, false, true, false, false},
		{"the first answer", false, true, true, false, true},
	}
	for _, c := range cases {
		w := watch{target: testID(1), proven: c.proven}
		if accuse := w.judge(begin, c.answered, c.heard); accuse != c.accuse || w.proven != c.then {
			t.Errorf("%s: accuses: %t, counts from now on: %t", c.name, accuse, w.proven)
		}
	}
}

func TestLinkThatDoesNotCountIsProvenAgain(t *testing.T) {
	w := newWatches()[after]
	w.turn(testID(1), time.Time{})
	if !w.due(time.Time{}).Before(begin) {
		t.Error("a new neighbour is not asked at once")
	}
	w.judge(begin, false, false)
	if got := w.due(begin.Add(time.Second)); got != begin.Add(proveEvery) {
		t.Errorf("asked again after %s", got.Sub(begin))
	}
	w.turn(testID(1), begin)
	if w.proven {
		t.Error("the same neighbour again is a new one")
	}
	w.turn(testID(2), begin)
	if !w.proven {
		t.Error("a neighbour that was heard is not known to be reached")
	}
}

func TestMemberKnowsItsOwnIncarnations(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := newConverged(t, 3)
		line := s.node(0).g.line
		if n, err := line.incarnation(t.Context(), s.ids[2].String()); err != nil || n == 0 {
			t.Errorf("incarnation %d, %v", n, err)
		}
		if n, err := line.incarnation(t.Context(), testID(99).String()); err == nil {
			t.Errorf("a stranger's incarnation is %d", n)
		}
	})
}

func TestAccusationOfTheLivingIsRefutedEveryTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := newConverged(t, 8)
		accuser, name := s.node(0).g, s.ids[3].String()
		for range 3 {
			was, err := accuser.line.incarnation(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			accuser.accuse(t.Context(), s.ids[3])
			time.Sleep(time.Second)
			for _, n := range s.all() {
				if now, err := n.g.line.incarnation(t.Context(), name); err != nil || now <= was {
					t.Errorf("%s: incarnation %d after %d: %v", n.id.Short(), now, was, err)
				}
			}
		}
		time.Sleep(deadline)
		s.wantNobodyDied()
	})
}

// Nothing but an accusation kills before a probe and a suspicion are over.
func TestAccusedThatCannotObjectIsDead(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := newConverged(t, 4)
		s.setCut(func(from, to certs.ID) bool { return from == s.ids[3] || to == s.ids[3] })
		begin := time.Now()
		s.node(0).g.accuse(t.Context(), s.ids[3])
		s.until(time.Second, func(n *node, of certs.ID) bool {
			return n.id == s.ids[3] || of != s.ids[3] || n.g.Liveness(of).State == Dead
		})
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("dead after %s", took)
		}
	})
}

func TestLossAccusesNobody(t *testing.T) {
	sizes, lasting := []int{8, 16}, 5*time.Minute
	switch {
	case *large:
		lasting = time.Hour
	case raced:
		sizes = sizes[:1]
	}
	for _, size := range sizes {
		for _, loss := range []float64{0.05, 0.2} {
			inBubble(t, func(t *testing.T) {
				t.Helper()
				s := newConverged(t, size)
				s.setLoss(loss)
				time.Sleep(lasting)
				s.wantNobodyDied()
				if n := s.accusations(); n > 0 {
					t.Errorf("%d members, %g lost: %d accusations", size, loss, n)
				}
			})
		}
	}
}

func TestNeighbourThatAnswersLateIsNotAccused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := newConverged(t, 8)
		s.setDelay(func(from, _ certs.ID) time.Duration {
			if from == s.ids[0] {
				return time.Second
			}
			return 0
		})
		time.Sleep(3 * time.Minute)
		s.wantNobodyDied()
		if n := s.accusations(); n > 0 {
			t.Errorf("%d accusations", n)
		}
	})
}

// Neighbours may be appliances that only others can reach.
func TestNeighboursThatNeverReachEachOtherHardlyAccuse(t *testing.T) {
	for name, oneWay := range map[string]bool{"both ways": false, "one way": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				t.Helper()
				s := newConverged(t, 8)
				next := neighbour(s.ids[0], s.node(0).others(), after)
				s.setCut(func(from, to certs.ID) bool {
					return from == s.ids[0] && to == next || !oneWay && from == next && to == s.ids[0]
				})
				time.Sleep(3 * time.Minute)
				s.wantNobodyDied()
				if n := s.accusations(); n > 2 {
					t.Errorf("%d accusations", n)
				}
			})
		})
	}
}

func (s *sim) accusations() (n int) {
	for _, node := range s.all() {
		n += int(node.g.Stats().Accusations)
	}
	return n
}
