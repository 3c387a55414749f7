package plan

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestBackoffGrowsUpToThePeriodOrTenMinutes(t *testing.T) {
	cases := []struct {
		failures int
		every    time.Duration
		random   float64
		want     time.Duration
	}{
		{failures: 0, every: time.Hour, random: 0.9, want: 0},
		{failures: 1, every: time.Hour, random: 0, want: 5 * time.Second},
		{failures: 1, every: time.Hour, random: 0.5, want: 7500 * time.Millisecond},
		{failures: 1, every: time.Hour, random: 1, want: 10 * time.Second},
		{failures: 2, every: time.Hour, random: 1, want: 20 * time.Second},
		{failures: 6, every: time.Hour, random: 1, want: 320 * time.Second},
		{failures: 7, every: time.Hour, random: 1, want: 10 * time.Minute},
		{failures: math.MaxInt, every: time.Hour, random: 1, want: 10 * time.Minute},
		{failures: 7, every: time.Hour, random: 0, want: 5 * time.Second},
		{failures: 9, every: time.Minute, random: 1, want: time.Minute},
		{failures: 9, every: time.Second, random: 1, want: 5 * time.Second},
	}
	for _, c := range cases {
		if got := Backoff(c.failures, c.every, c.random); got != c.want {
			t.Errorf("%d failures, every %v, random %v: %v, want %v", c.failures, c.every, c.random, got, c.want)
		}
	}
}

func TestBackoffStaysWithinItsBounds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		every := time.Duration(rapid.Int64Range(60, math.MaxUint32).Draw(rt, "every")) * time.Second
		got := Backoff(rapid.IntRange(1, 1<<40).Draw(rt, "failures"), every, rapid.Float64Range(0, 1).Draw(rt, "random"))
		if got < leastBackoff || got > longestBackoff(every) {
			rt.Errorf("got %v", got)
		}
	})
}

func TestLagIsUnknownUntilSomethingWasCommitted(t *testing.T) {
	if _, known := Lag(time.Time{}, noon); known {
		t.Error("known")
	}
	if lag, known := Lag(noon.Add(-time.Minute), noon); lag != time.Minute || !known {
		t.Errorf("got %v, %v", lag, known)
	}
	if lag, known := Lag(noon.Add(time.Hour), noon); lag != 0 || !known {
		t.Errorf("from the future: %v, %v", lag, known)
	}
}

func TestLateAndCriticalFollowTheFrequency(t *testing.T) {
	cases := []struct {
		every, lastOnTime, lastNotCritical time.Duration
	}{
		{time.Minute, 2 * time.Minute, 3 * time.Minute},
		{5 * time.Minute, 7*time.Minute + 30*time.Second, 15 * time.Minute},
		{time.Hour, 90 * time.Minute, 3 * time.Hour},
		{24 * time.Hour, 36 * time.Hour, 72 * time.Hour},
		{math.MaxUint32 * time.Second, math.MaxUint32 * 1500 * time.Millisecond, math.MaxInt64 - time.Second},
	}
	for _, c := range cases {
		if Late(c.lastOnTime, c.every) || !Late(c.lastOnTime+1, c.every) {
			t.Errorf("every %v: late is not just beyond %v", c.every, c.lastOnTime)
		}
		if Critical(c.lastNotCritical, c.every) {
			t.Errorf("every %v: critical at %v", c.every, c.lastNotCritical)
		}
		if c.every < 1000*time.Hour && !Critical(c.lastNotCritical+1, c.every) {
			t.Errorf("every %v: not critical beyond %v", c.every, c.lastNotCritical)
		}
	}
}

func TestWhatIsCriticalIsLate(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		every := time.Duration(rapid.Int64Range(60, math.MaxUint32).Draw(rt, "every")) * time.Second
		lag := time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(rt, "lag"))
		if Critical(lag, every) && !Late(lag, every) {
			rt.Errorf("lag %v every %v", lag, every)
		}
	})
}

func TestWordsHasAtMostTwoUnits(t *testing.T) {
	cases := map[time.Duration]string{
		-time.Second:            "0s",
		0:                       "0s",
		999 * time.Millisecond:  "0s",
		12 * time.Second:        "12s",
		60 * time.Second:        "1m",
		124 * time.Second:       "2m04s",
		time.Hour:               "1h",
		time.Hour + time.Second: "1h",
		3*time.Hour + 12*time.Minute + 9*time.Second: "3h12m",
		146 * time.Hour:      "6d02h",
		720 * time.Hour:      "30d",
		24*time.Hour + 1e9*9: "1d",
	}
	for d, want := range cases {
		if got := Words(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestKindsHaveNames(t *testing.T) {
	for kind, want := range map[StepKind]string{Start: "start", Wait: "wait", Rest: "rest", 9: "step kind 9"} {
		if kind.String() != want {
			t.Errorf("got %q, want %q", kind, want)
		}
	}
	for kind, want := range map[BaseKind]string{Full: "full", Incremental: "incremental", NoCommon: "no common snapshot", Done: "done", 9: "base kind 9"} {
		if kind.String() != want {
			t.Errorf("got %q, want %q", kind, want)
		}
	}
}
