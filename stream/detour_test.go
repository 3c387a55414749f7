package stream

import (
	"slices"
	"testing"
	"time"
)

// walk lets a trail see one passage a second, and returns what it does at each.
func walk(seen []passage) []turn {
	var t trail
	now, turns := time.Unix(1e9, 0), make([]turn, 0, len(seen))
	for _, p := range seen {
		turns = append(turns, t.look(now, p, 0.5))
		now = now.Add(lookEvery)
	}
	return turns
}

// steps makes the passages of so many seconds, in which sent and received grow.
func steps(seconds int, sent, received uint64, tunnelled bool) []passage {
	var list []passage
	for i := range seconds {
		list = append(list, passage{tunnelled: tunnelled, sent: 1 + uint64(i)*sent, received: 1 + uint64(i)*received})
	}
	return list
}

// at lists the seconds at which a turn is taken.
func at(turns []turn, which turn) []int {
	var list []int
	for second, one := range turns {
		if one == which {
			list = append(list, second)
		}
	}
	return list
}

func TestTurnsOfAConnection(t *testing.T) {
	once := slices.Concat(steps(2, 100, 100, false), slices.Repeat([]passage{{sent: 201, received: 101}}, 600)) // an acknowledgement
	tests := map[string]struct {
		seen         []passage
		tunnel, back []int
	}{
		"in use":                     {steps(600, 100, 100, false), nil, nil},
		"idle":                       {steps(600, 0, 0, false), nil, nil},
		"only hearing":               {steps(600, 0, 100, false), nil, nil},
		"one word without an answer": {once, nil, nil},
		"no answer":                  {steps(20, 100, 0, false), []int{6, 11, 16}, nil},
		"a tunnel":                   {steps(300, 100, 100, true), nil, []int{10, 30, 70, 130, 190, 250}},
		"a tunnel without an answer": {steps(60, 100, 0, true), nil, []int{10, 30}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			turns := walk(test.seen)
			if got := at(turns, turnTunnel); !slices.Equal(got, test.tunnel) {
				t.Errorf("tunnels at %v, want %v", got, test.tunnel)
			}
			if got := at(turns, turnUDP); !slices.Equal(got, test.back) {
				t.Errorf("UDP at %v, want %v", got, test.back)
			}
		})
	}
}

func TestTurnsBackAreSpread(t *testing.T) {
	now := time.Unix(1e9, 0)
	for jitter, want := range map[float64]time.Duration{0: backSoonest * 3 / 4, 1: backSoonest * 5 / 4} {
		var tr trail
		tr.look(now, passage{tunnelled: true}, jitter)
		if got := tr.next.Sub(now); got != want {
			t.Errorf("jitter %v: after %v, want %v", jitter, got, want)
		}
	}
}
