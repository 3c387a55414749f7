package plan

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// mostKept bounds each number of a Keep: more snapshots of one share than this
// make btrfs itself slow.
const mostKept = 9999

// Keep says how many snapshots of one share stay. The zero Keep keeps the newest
// alone.
type Keep struct {
	Last                           int // the newest ones
	Hourly, Daily, Weekly, Monthly int // the newest of so many hours, days, ISO weeks, months, all of UTC
	// MinAge is how long each stays at the least, 0: no such promise. It comes
	// from the grant, not from the task, and is no part of the text form.
	MinAge time.Duration
}

// DefaultKeep is what a target keeps when the task does not say:
// last=24,daily=7,weekly=4.
func DefaultKeep() Keep { return Keep{Last: 24, Daily: 7, Weekly: 4} }

// ParseKeep reads "24", which is last=24, or any subset of
// "last=24,hourly=24,daily=7,weekly=4,monthly=12" in any order. Numbers are
// decimal, 1 to 9999.
func ParseKeep(text string) (Keep, error) {
	var k Keep
	if text == "" {
		return k, errors.New("parse keep: empty; give a number or last=24,daily=7")
	}
	for part := range strings.SplitSeq(text, ",") {
		name, number, found := strings.Cut(part, "=")
		if !found {
			name, number = "last", part
		}
		field := k.field(name)
		switch n, err := parseCount(number); {
		case field == nil:
			return Keep{}, fmt.Errorf("parse keep %q: %q is none of last, hourly, daily, weekly, monthly", text, name)
		case err != nil:
			return Keep{}, fmt.Errorf("parse keep %q: %s: %w", text, name, err)
		case *field != 0:
			return Keep{}, fmt.Errorf("parse keep %q: %s is given twice", text, name)
		default:
			*field = n
		}
	}
	return k, nil
}

// parseCount reads plain digits: signs and leading zeros are typing errors.
func parseCount(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || strconv.Itoa(n) != s || n < 1 || n > mostKept {
		return 0, fmt.Errorf("%q is not a number from 1 to %d", s, mostKept)
	}
	return n, nil
}

// String returns what ParseKeep reads, "last=0" for the zero Keep, which it
// refuses.
func (k Keep) String() string {
	var parts []string
	for _, r := range k.rules() {
		if r.count > 0 {
			parts = append(parts, fmt.Sprintf("%s=%d", r.name, r.count))
		}
	}
	if len(parts) == 0 {
		return "last=0"
	}
	return strings.Join(parts, ",")
}

// field returns the number called name, nil if there is none.
func (k *Keep) field(name string) *int {
	switch name {
	case "last":
		return &k.Last
	case "hourly":
		return &k.Hourly
	case "daily":
		return &k.Daily
	case "weekly":
		return &k.Weekly
	case "monthly":
		return &k.Monthly
	}
	return nil
}

// rule keeps the newest snapshot of each of the count newest buckets.
type rule struct {
	name   string
	count  int
	bucket func(time.Time) string // nil: each snapshot is a bucket of its own
}

func (k Keep) rules() []rule {
	return []rule{
		{"last", k.Last, nil},
		{"hourly", k.Hourly, layout("2006010215")},
		{"daily", k.Daily, layout("20060102")},
		{"weekly", k.Weekly, isoWeek},
		{"monthly", k.Monthly, layout("200601")},
	}
}

func layout(l string) func(time.Time) string {
	return func(t time.Time) string { return t.UTC().Format(l) }
}

func isoWeek(t time.Time) string {
	year, week := t.UTC().ISOWeek()
	return fmt.Sprintf("%dW%d", year, week)
}
