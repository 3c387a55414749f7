package gossip

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestSilenceForOneProbeMakesSuspectAndAPacketEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, id := newRoll(), testID(1)
		want := func(s State) {
			t.Helper()
			if got := r.of(id).State; got != s {
				t.Errorf("%s, want %s", got, s)
			}
		}
		r.doubt(id, time.Now())
		want(Unknown)
		r.become(id, Alive)
		r.hear(id)
		time.Sleep(time.Second)
		r.doubt(id, time.Now().Add(-2*time.Second)) // asked before it was heard
		want(Alive)
		r.doubt(id, time.Now())
		want(Suspect)
		r.hear(id)
		want(Alive)
		r.become(id, Dead)
		r.hear(id)
		want(Dead)
	})
}

func TestChangesAreToldOnceAndAsTheyAreNow(t *testing.T) {
	r, a, b := newRoll(), testID(1), testID(2)
	r.become(a, Alive)
	r.become(a, Dead)
	r.become(b, Alive)
	r.forget(b)
	<-r.news
	if got := r.take(); len(got) != 1 || got[a].State != Dead {
		t.Errorf("told %v", slices.Collect(maps.Values(got)))
	}
	r.become(a, Dead)
	if got := r.take(); len(got) != 0 {
		t.Errorf("told %v again", got)
	}
}

func TestSuspectIsToldBeforeDead(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := newConverged(t, 2)
		s.kill(1)
		time.Sleep(deadline)
		if got := s.node(0).heardOf(s.ids[1]); !slices.Equal(got, []State{Alive, Suspect, Dead}) {
			t.Errorf("told %v", got)
		}
	})
}

func TestNamesOfOtherSpellingAreNoIDs(t *testing.T) {
	n, id := newNames(), testID(1)
	for range 2 { // the second is remembered
		if got, err := n.id(id.String()); err != nil || got != id {
			t.Errorf("%v, %v", got, err)
		}
	}
	for _, text := range []string{"", "x", id.String()[1:], id.Short(), "o" + id.String()[1:]} {
		if _, err := n.id(text); err == nil {
			t.Errorf("%q is an ID", text)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("an empty config is taken")
	}
	if err := (Timing{Probe: time.Second, ProbeDirect: 500 * time.Millisecond}).check(); err == nil {
		t.Error("probes whose helpers come too late are taken")
	}
}
