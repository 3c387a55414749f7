package stream

import (
	"testing"
	"time"
)

func TestStallRule(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(1000+int64(s), 0) }
	cases := map[string]struct {
		report *progress // seen at second 30
		waits  bool
		want   bool // at second 60
	}{
		"nothing heard while data waits": {nil, true, true},
		"nothing waits":                  {nil, false, false},
		"starves, as before":             {&progress{Starved: true}, true, true},
		"starves, but took a chunk":      {&progress{Chunks: 1, Starved: true}, true, false},
		"starves, but bytes came":        {&progress{Bytes: stallBytes, Starved: true}, true, false},
		"starves, a header came":         {&progress{Bytes: chunkHead, Starved: true}, true, true},
		"slow, but has data":             {&progress{}, true, false},
		"starves, has all there is":      {&progress{Starved: true}, false, false},
		"applied more":                   {&progress{Applied: 1, Starved: true}, true, false},
	}
	for name, c := range cases {
		s := stall{moved: at(0)}
		if c.report != nil {
			s.seen(at(30), *c.report)
		}
		if got := s.stuck(at(60), c.waits); got != c.want {
			t.Errorf("%s: stuck is %v", name, got)
		}
	}
}
