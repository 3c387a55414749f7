package gossip

import (
	"slices"
	"testing"
	"time"
)

func TestNewsIsToldAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := newConverged(t, 2)
		time.Sleep(20 * time.Second)
		if took := s.spread(0, "news", time.Second); took > 100*time.Millisecond {
			t.Errorf("known after %v", took)
		}
	})
}

func TestRoundsEndWithTheNews(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := newConverged(t, 5)
		s.spread(0, "news", 5*time.Second)
		time.Sleep(20 * time.Second)
		before, _, _ := s.sent()
		time.Sleep(time.Minute)
		after, _, _ := s.sent()
		const members, kinds = 5, 2 // each sends as many questions as answers
		if n, most := after-before, members*kinds*int64(time.Minute/DefaultTiming().Probe+1); n > most {
			t.Errorf("%d packets in a minute without news, more than the %d of all probes", n, most)
		}
	})
}

func TestGoodbyeEndsTheRounds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		s := newConverged(t, 3)
		gone := s.node(2)
		s.leave(2)
		sent := gone.packets.Load()
		time.Sleep(time.Minute)
		if n := gone.packets.Load() - sent; n != 0 {
			t.Errorf("%d packets after the goodbye", n)
		}
	})
}

func TestThreeRoundsReachAllOfUpToTen(t *testing.T) {
	var turns turns
	var rounds [][]string
	for range 100 {
		names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} // and oneself
		rounds = append(rounds, turns.take(names, roundWidth))
		last := slices.Concat(rounds[max(0, len(rounds)-3):]...)
		if slices.Sort(last); len(rounds) >= 3 && len(slices.Compact(last)) != 9 {
			t.Fatalf("the last three rounds went to %v", last)
		}
	}
	if got := turns.take([]string{"b", "z"}, 3); len(got) != 2 || got[0] != "z" {
		t.Errorf("%v, want the new one first", got)
	}
	if len(turns.last) != 2 {
		t.Errorf("those that are gone are remembered: %v", turns.last)
	}
}

func TestOnlyMoreThanQuestionsAndAnswersIsNews(t *testing.T) {
	cases := []struct {
		name   string
		packet []byte
		want   bool
	}{
		{"a question", []byte{byte(msgPing), 0x80}, false},
		{"a question for another", []byte{byte(msgIndirectPing), 0x80}, false},
		{"an answer", []byte{byte(msgAck), 0x80}, false},
		{"a negative answer", []byte{byte(msgNack), 0x80}, false},
		{"an answer with something along", []byte{byte(msgCompound), 2, 0, 2, 0, 2, byte(msgAck), 0x80, byte(msgDead), 0x80}, true},
		{"a suspicion", []byte{byte(msgSuspect), 0x80}, true},
		{"a life", []byte{byte(msgAlive), 0x80}, true},
		{"a death", []byte{byte(msgDead), 0x80}, true},
		{"records", []byte{byte(msgUser), 1}, true},
		{"a death with a checksum", []byte{byte(msgCRC), 0, 0, 0, 0, byte(msgDead), 0x80}, true},
	}
	for _, c := range cases {
		if got := carriesNews(c.packet); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
