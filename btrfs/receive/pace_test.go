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
		"after a quick one":        {1 << 30, 5 * time.Second, 150 * time.Millisecond, true},
		"soon after a slow one":    {1 << 30, 32 * time.Second, time.Second, false},
		"in time after a slow one": {1 << 30, 33 * time.Second, time.Second, true},
	} {
		p := pacer{pace: pace{checkpointBytes, checkpointEvery}}
		p.taken(7, start.Add(-c.took), start)
		now := func() time.Time { return start.Add(c.after) }
		if got := p.due(7+c.bytes, now); got != c.want {
			t.Errorf("%s: due is %v", what, got)
		}
	}
}

func TestCheckpointIsPreparedOnceASecondAhead(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	p := pacer{pace: pace{checkpointBytes, checkpointEvery}}
	at := func(after time.Duration) func() time.Time { return func() time.Time { return start.Add(after) } }
	for range 2 { // the second time after a checkpoint
		p.taken(7, start, start)
		for _, c := range []struct {
			bytes int64
			after time.Duration
			want  bool
		}{
			{7 + 40<<20, 4 * time.Second, false},
			{7 + 48<<20, 3 * time.Second, false},
			{7 + 48<<20, 4 * time.Second, true},
			{7 + 50<<20, 4500 * time.Millisecond, false}, // it is on its way
		} {
			if got := p.soon(c.bytes, at(c.after)); got != c.want {
				t.Errorf("at byte %d after %v: soon is %v", c.bytes, c.after, got)
			}
		}
		if p.due(7+63<<20, at(time.Hour)) || !p.due(7+64<<20, at(5*time.Second)) {
			t.Error("the preparation changed when one is due")
		}
	}
}

func TestClockIsLookedAtOnceInAWhile(t *testing.T) {
	p := pacer{pace: pace{bytes: checkpointBytes, every: checkpointEvery}}
	for _, c := range []struct {
		bytes int64
		want  bool
	}{
		{100, true},
		{101, false},
		{99 + 64<<10, false},
		{100 + 64<<10, true},
		{101 + 64<<10, false},
	} {
		if got := p.look(c.bytes); got != c.want {
			t.Errorf("at byte %d: look is %v", c.bytes, got)
		}
	}
}
