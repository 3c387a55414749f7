package stream

import (
	"testing"
	"time"
)

func TestStallRule(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(1000+int64(s), 0) }
	starved := func(chunks uint64) progress { return progress{Chunks: chunks, Starved: true} }
	cases := map[string]struct {
		report *progress // seen at second 5
		sent   uint64
		ending bool
		want   bool // at second 10
	}{
		"nothing heard while data waits":    {nil, 3, false, true},
		"nothing waits":                     {nil, 0, false, false},
		"the final answer is owed":          {nil, 0, true, true},
		"starves, as before":                {new(starved(0)), 3, false, true},
		"starves, but took a chunk":         {new(starved(1)), 3, false, false},
		"slow, but has data":                {&progress{}, 3, false, false},
		"starves, has all there is":         {new(starved(3)), 3, false, false},
		"starves, has all, owes the answer": {new(starved(0)), 0, true, true},
		"applied more":                      {&progress{Applied: 1, Starved: true}, 3, false, false},
	}
	for name, c := range cases {
		s := stall{moved: at(0)}
		if c.report != nil {
			s.seen(at(5), *c.report)
		}
		if got := s.stuck(at(10), c.sent, c.ending); got != c.want {
			t.Errorf("%s: stuck is %v", name, got)
		}
	}
}
