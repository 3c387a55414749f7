package receive

import (
	"testing"
	"time"
)

func TestCheckpointIsDueAfterBothBytesAndTime(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	for what, c := range map[string]struct {
		bytes int64
		after time.Duration
		took  time.Duration // by the last one
		want  bool
	}{
		"neither":                  {10 << 20, time.Second, 0, false},
		"bytes alone":              {1 << 30, time.Second, 0, false},
		"time alone":               {10 << 20, time.Hour, 0, false},
		"both":                     {64 << 20, 5 * time.Second, 0, true},
		"after a quick one":        {1 << 30, 5 * time.Second, 500 * time.Millisecond, true},
		"soon after a slow one":    {1 << 30, 9 * time.Second, time.Second, false},
		"in time after a slow one": {1 << 30, 10 * time.Second, time.Second, true},
	} {
		p := pacer{pace: pace{checkpointBytes, checkpointEvery}}
		p.taken(7, start.Add(-c.took), start)
		now := func() time.Time { return start.Add(c.after) }
		if got := p.due(7+c.bytes, now); got != c.want {
			t.Errorf("%s: due is %v", what, got)
		}
	}
}
