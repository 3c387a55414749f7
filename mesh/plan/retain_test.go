package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"btrmesh/btrfs"
)

// TestRetain reads a line "retain KEEP [now=TIME] [min-age=DURATION]" and one
// line "NAME TIME [pin=REASON] [modified] [writable] [received=TIME]" for each
// snapshot; they were taken in this order, whatever their times say.
func TestRetain(t *testing.T) {
	runText(t, "testdata/retain.txt", func(t *testing.T, lines []string) string {
		t.Helper()
		k, now := retainArgs(t, lines[0])
		pins := map[btrfs.UUID]string{}
		var snaps []Snapshot
		for i, line := range lines[1:] {
			name, args := words(line)
			s := Snapshot{Name: name, UUID: uuidOf(name), CTransID: uint64(i + 1), Taken: at(t, args["at"]), ReadOnly: true}
			if received, ok := args["received"]; ok {
				s.Received = at(t, received)
			}
			if pin, ok := args["pin"]; ok {
				pins[s.UUID] = pin
			}
			_, s.Modified = args["modified"]
			if _, writable := args["writable"]; writable {
				s.ReadOnly = false
			}
			snaps = append(snaps, s)
		}
		return verdicts(Retain(k, snaps, pins, now))
	})
}

func retainArgs(t *testing.T, line string) (Keep, time.Time) {
	t.Helper()
	_, args := words(line)
	var k Keep
	var err error
	if args["keep"] != "" {
		if k, err = ParseKeep(args["keep"]); err != nil {
			t.Fatal(err)
		}
	}
	if text, ok := args["min-age"]; ok {
		if k.MinAge, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	now := noon
	if text, ok := args["now"]; ok {
		now = at(t, text)
	}
	return k, now
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02", time.RFC3339} {
		if tm, err := time.Parse(layout, text); err == nil {
			return tm
		}
	}
	t.Fatalf("cannot read the time %q", text)
	return time.Time{}
}

func verdicts(all []Verdict) string {
	var b strings.Builder
	for _, v := range all {
		if v.Keep {
			fmt.Fprintf(&b, "keep %s: %s\n", v.Name, strings.Join(v.Reasons, ", "))
		} else {
			fmt.Fprintf(&b, "drop %s\n", v.Name)
		}
	}
	return b.String()
}

type retention struct {
	keep  Keep
	snaps []Snapshot
	pins  map[btrfs.UUID]string
}

func retentions() *rapid.Generator[retention] {
	count := rapid.IntRange(0, 4)
	return rapid.Custom(func(t *rapid.T) retention {
		r := retention{
			keep: Keep{
				Last: count.Draw(t, "last"), Hourly: count.Draw(t, "hourly"), Daily: count.Draw(t, "daily"),
				Weekly: count.Draw(t, "weekly"), Monthly: count.Draw(t, "monthly"),
				MinAge: time.Duration(rapid.IntRange(0, 100).Draw(t, "min age")) * time.Hour,
			},
			snaps: snapshots().Draw(t, "snapshots"),
			pins:  map[btrfs.UUID]string{},
		}
		for _, s := range r.snaps {
			if rapid.IntRange(0, 5).Draw(t, "pinned") == 0 {
				r.pins[s.UUID] = "base"
			}
		}
		return r
	})
}

func kept(all []Verdict) []Snapshot {
	var snaps []Snapshot
	for _, v := range all {
		if v.Keep {
			snaps = append(snaps, v.Snapshot)
		}
	}
	return snaps
}

func TestRetainNeverDropsAPinNorTheNewestNorWhatAPersonChanged(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := retentions().Draw(rt, "case")
		all := Retain(r.keep, r.snaps, r.pins, noon)
		if len(all) != len(r.snaps) {
			rt.Fatalf("%d verdicts for %d snapshots", len(all), len(r.snaps))
		}
		newest := true
		for _, v := range slices.Backward(all) {
			_, pinned := r.pins[v.UUID]
			if !v.Keep && (pinned || !v.usable() || newest) {
				rt.Errorf("drops %+v", v)
			}
			if v.Keep != (len(v.Reasons) > 0) {
				rt.Errorf("keep %v, reasons %q", v.Keep, v.Reasons)
			}
			newest = newest && !v.usable()
		}
	})
}

func TestRetainOfWhatStayedKeepsAll(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := retentions().Draw(rt, "case")
		once := kept(Retain(r.keep, r.snaps, r.pins, noon))
		twice := kept(Retain(r.keep, once, r.pins, noon))
		if diff := cmp.Diff(once, twice); diff != "" {
			rt.Error(diff)
		}
	})
}

func TestRetainDropsNothingMoreForAHigherNumber(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := retentions().Draw(rt, "case")
		fewer := kept(Retain(r.keep, r.snaps, r.pins, noon))
		r.keep.Daily++
		r.keep.Last++
		more := kept(Retain(r.keep, r.snaps, r.pins, noon))
		for _, s := range fewer {
			if !slices.Contains(more, s) {
				rt.Errorf("%+v went for a higher number", s)
			}
		}
	})
}

// TestRetainAsksTheClockForNothingButAge: a clock set forward must not drop
// anything.
func TestRetainAsksTheClockForNothingButAge(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := retentions().Draw(rt, "case")
		r.keep.MinAge = 0
		today := Retain(r.keep, r.snaps, r.pins, noon.Add(2*time.Hour))
		later := Retain(r.keep, r.snaps, r.pins, noon.AddDate(74, 0, 0))
		if diff := cmp.Diff(today, later); diff != "" {
			rt.Error(diff)
		}
	})
}
