package plan

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func window(t *testing.T, text string) Window {
	t.Helper()
	w, err := ParseWindow(text)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestWindow has moments and edges by the clock of Berlin, whose clocks went
// forward from 02:00 to 03:00 on 2026-03-29 and go back from 03:00 to 02:00 on
// 2026-10-25.
func TestWindow(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	const form = "2006-01-02 15:04:05 -0700"
	for _, c := range []struct{ window, now, until, open string }{
		{"22:00-06:00", "2026-11-23 21:59:59 +0100", "2026-11-23 22:00:00 +0100", "shut"},
		{"22:00-06:00", "2026-11-23 22:00:00 +0100", "2026-11-24 06:00:00 +0100", "open"},
		{"22:00-06:00", "2026-11-24 05:59:59 +0100", "2026-11-24 06:00:00 +0100", "open"},
		{"22:00-06:00", "2026-11-24 06:00:00 +0100", "2026-11-24 22:00:00 +0100", "shut"},
		{"09:00-17:30", "2026-11-23 12:00:00 +0100", "2026-11-23 17:30:00 +0100", "open"},
		{"09:00-17:30", "2026-11-23 17:30:00 +0100", "2026-11-24 09:00:00 +0100", "shut"},
		{"00:00-00:01", "2026-12-31 23:59:59 +0100", "2027-01-01 00:00:00 +0100", "shut"},
		{"12:00-00:00", "2026-11-23 23:59:59 +0100", "2026-11-24 00:00:00 +0100", "open"},

		// the night of spring has an hour less
		{"22:00-06:00", "2026-03-28 23:00:00 +0100", "2026-03-29 06:00:00 +0200", "open"},
		{"22:00-06:00", "2026-03-29 04:00:00 +0200", "2026-03-29 06:00:00 +0200", "open"},
		// an edge that does not exist is where the clocks jump
		{"02:30-05:00", "2026-03-29 01:59:59 +0100", "2026-03-29 03:00:00 +0200", "shut"},
		{"02:30-05:00", "2026-03-29 03:00:00 +0200", "2026-03-29 05:00:00 +0200", "open"},
		{"01:00-02:30", "2026-03-29 01:59:59 +0100", "2026-03-29 03:00:00 +0200", "open"},
		{"01:00-02:30", "2026-03-29 03:00:00 +0200", "2026-03-30 01:00:00 +0200", "shut"},
		// a window that the clocks jump over is left out
		{"02:10-02:50", "2026-03-29 01:59:59 +0100", "2026-03-30 02:10:00 +0200", "shut"},
		{"02:10-02:50", "2026-03-29 03:00:00 +0200", "2026-03-30 02:10:00 +0200", "shut"},

		// the night of autumn has an hour more
		{"22:00-06:00", "2026-10-25 02:30:00 +0200", "2026-10-25 06:00:00 +0100", "open"},
		{"22:00-06:00", "2026-10-25 02:30:00 +0100", "2026-10-25 06:00:00 +0100", "open"},
		// an edge that comes twice counts once
		{"02:30-05:00", "2026-10-25 02:29:59 +0200", "2026-10-25 02:30:00 +0200", "shut"},
		{"02:30-05:00", "2026-10-25 02:00:00 +0100", "2026-10-25 05:00:00 +0100", "open"},
		{"22:00-02:30", "2026-10-25 02:29:59 +0200", "2026-10-25 02:30:00 +0200", "open"},
		{"22:00-02:30", "2026-10-25 02:15:00 +0100", "2026-10-25 22:00:00 +0100", "shut"},
		{"02:10-02:50", "2026-10-25 02:20:00 +0100", "2026-10-26 02:10:00 +0100", "shut"},
	} {
		now, err := time.Parse(form, c.now)
		if err != nil {
			t.Fatal(err)
		}
		open, until := window(t, c.window).At(now, berlin)
		got := map[bool]string{true: "open", false: "shut"}[open] + " until " + until.In(berlin).Format(form)
		if want := c.open + " until " + c.until; got != want {
			t.Errorf("%s at %s: %s, want %s", c.window, c.now, got, want)
		}
	}
}

func TestAWindowOpensAndShutsOnceADay(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Australia/Lord_Howe", "America/St_Johns"} {
		loc := zone(t, name)
		rapid.Check(t, func(rt *rapid.T) {
			w := Window{Begin: rapid.IntRange(0, minutesPerDay-1).Draw(rt, "begin"), End: rapid.IntRange(0, minutesPerDay-1).Draw(rt, "end")}
			if w.Begin == w.End {
				return
			}
			now := time.Unix(rapid.Int64Range(0, 1<<31).Draw(rt, "now"), 0)
			open, until := w.At(now, loc)
			if !until.After(now) || until.Sub(now) > 73*time.Hour {
				rt.Fatalf("%v at %v in %s: until %v", w, now, name, until)
			}
			if again, _ := w.At(until.Add(-time.Second), loc); again != open {
				rt.Errorf("%v in %s: open is %v at %v, and else before %v", w, name, open, now, until)
			}
			if after, _ := w.At(until, loc); after == open {
				rt.Errorf("%v in %s: open is still %v at %v", w, name, open, until)
			}
		})
	}
}

func TestAWindowThatMeansNothingIsRefused(t *testing.T) {
	for _, text := range []string{"", "off", "22:00", "22-06", "22:00-24:00", "2:00-06:00", "22:00 06:00", "22:60-06:00", "22:00-06:00,", "+1:00-06:00"} {
		if w, err := ParseWindow(text); err == nil {
			t.Errorf("%q is %v", text, w)
		}
	}
	_, err := ParseWindow("22:00-22:00")
	if want := `parse window "22:00-22:00": begin and end are the same; for any time say off`; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

func TestAWindowReadsAsItIsWritten(t *testing.T) {
	for _, text := range []string{"22:00-06:00", "00:00-23:59", "09:05-17:30"} {
		if got := window(t, text).String(); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
	if got := (Window{}).String(); got != "any time" {
		t.Errorf("no window is %q", got)
	}
}

func TestAWindowIsShutForTheRestOfTheDay(t *testing.T) {
	for text, want := range map[string]time.Duration{"22:00-06:00": 16 * time.Hour, "09:00-17:30": 15*time.Hour + 30*time.Minute, "00:00-23:59": time.Minute} {
		if got := window(t, text).Shut(); got != want {
			t.Errorf("%s is shut for %v, want %v", text, got, want)
		}
	}
}

func TestHours(t *testing.T) {
	night := Window{Begin: 22 * 60, End: 6 * 60}
	inside, outside := noon.Add(11*time.Hour), noon
	for _, c := range []struct {
		name string
		h    Hours
		now  time.Time
		want Allowance
	}{
		{"nothing said", Hours{}, outside, Allowance{Run: true, Reason: "any time"}},
		{"a limit", Hours{Limit: 5}, outside, Allowance{Run: true, Limit: 5, Reason: "limited at any time"}},
		{"inside", Hours{Limit: 5, Window: night, Outside: 2}, inside, Allowance{Run: true, Limit: 5, Until: noon.Add(18 * time.Hour), Reason: "inside its window 22:00-06:00"}},
		{"inside, no limit", Hours{Window: night, Outside: 2}, inside, Allowance{Run: true, Until: noon.Add(18 * time.Hour), Reason: "inside its window 22:00-06:00"}},
		{"outside, slower", Hours{Window: night, Outside: 2}, outside, Allowance{Run: true, Limit: 2, Until: noon.Add(10 * time.Hour), Reason: "outside of its window 22:00-06:00"}},
		{"outside, the lower limit holds", Hours{Limit: 1, Window: night, Outside: 2}, outside, Allowance{Run: true, Limit: 1, Until: noon.Add(10 * time.Hour), Reason: "outside of its window 22:00-06:00"}},
		{"outside", Hours{Limit: 5, Window: night}, outside, Allowance{Until: noon.Add(10 * time.Hour), Reason: "paused until 22:00"}},
	} {
		if got := c.h.At(c.now, time.UTC); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
