package gossip

import (
	"testing"
	"time"

	"btrmesh/certs"
)

var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// longest makes every wait as long as it can be.
func longest() float64 { return 1 }

func TestWaitsDoubleUpToTheirBound(t *testing.T) {
	r := newRetries(DefaultTiming(), longest)
	r.keep([]certs.ID{testID(1)}, begin)
	now := begin
	for i, want := range []float64{1, 2, 4, 8, 16, 30, 30, 30} {
		next, ok := r.next()
		if !ok || next.Sub(now).Seconds() != want {
			t.Fatalf("wait %d is %s, want %gs", i, next.Sub(now), want)
		}
		now = next
		if ids := r.due(now, 1); len(ids) != 1 {
			t.Fatal("not due")
		}
		r.done(testID(1), false, now)
	}
}

func TestOneMemberIsTriedOnceAtATime(t *testing.T) {
	r := newRetries(DefaultTiming(), longest)
	r.keep([]certs.ID{testID(1), testID(2), testID(3)}, begin)
	now := begin.Add(time.Minute)
	if n := len(r.due(now, 2)); n != 2 {
		t.Errorf("%d due, want as many as allowed", n)
	}
	if n := len(r.due(now, 2)); n != 1 {
		t.Errorf("%d due, want the one that is not being tried", n)
	}
	if _, ok := r.next(); ok || len(r.due(now.Add(time.Hour), 8)) != 0 {
		t.Error("all are being tried, and one is due")
	}
}

func TestAnswerWithoutLifeIsTriedAgainSoonButNotForEver(t *testing.T) {
	r := newRetries(DefaultTiming(), longest)
	id := testID(1)
	r.keep([]certs.ID{id}, begin)
	now := begin
	for range 6 {
		now = now.Add(time.Minute)
		r.due(now, 1)
		r.done(id, false, now)
	}
	for i, want := range []float64{1, 2, 4} {
		now = now.Add(time.Minute)
		r.due(now, 1)
		r.done(id, true, now)
		if next, _ := r.next(); next.Sub(now).Seconds() != want {
			t.Errorf("wait %d is %s, want %gs", i, next.Sub(now), want)
		}
	}
}

func TestHurryShortensButNeverProlongs(t *testing.T) {
	r := newRetries(DefaultTiming(), longest)
	r.keep([]certs.ID{testID(1)}, begin)
	now := begin
	for range 6 {
		now = now.Add(time.Minute)
		r.due(now, 1)
		r.done(testID(1), false, now)
	}
	r.hurry(now)
	if next, _ := r.next(); next.Sub(now) != time.Second {
		t.Errorf("due after %s", next.Sub(now))
	}
	r.hurry(now.Add(900 * time.Millisecond))
	if next, _ := r.next(); next.Sub(now) != time.Second {
		t.Errorf("put off to %s", next.Sub(now))
	}
}

func TestMemberThatAnswersIsTriedNoMore(t *testing.T) {
	r := newRetries(DefaultTiming(), longest)
	r.keep([]certs.ID{testID(1)}, begin)
	r.due(begin.Add(time.Minute), 1)
	r.keep(nil, begin)
	r.done(testID(1), true, begin)
	if _, ok := r.next(); ok {
		t.Error("still due")
	}
}
