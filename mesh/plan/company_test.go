package plan

import (
	"testing"

	"btrmesh/btrfs"
)

func TestRunsOfTheSameStreamGoTogether(t *testing.T) {
	ready := Sender{
		Task: "a", Share: "photos", Reachable: true, Snapshot: btrfs.UUID{2},
		Stream: Stream{Snapshot: btrfs.UUID{2}, Parent: btrfs.UUID{3}, Version: 2, Compressed: true, From: "7"},
	}
	undecided := Sender{Task: "b", Share: "photos", Reachable: true}
	for name, c := range map[string]struct {
		change func(*Sender)
		bond   Bond
		reason string
	}{
		"the same":             {func(o *Sender) { o.Stream = ready.Stream }, Together, "the same stream"},
		"another share":        {func(o *Sender) { o.Share = "music" }, Apart, "another share"},
		"another pool":         {func(o *Sender) { o.Pool = btrfs.UUID{9} }, Apart, "another share"},
		"no snapshot yet":      {func(*Sender) {}, Awaited, "it has no snapshot yet"},
		"the same snapshot":    {func(o *Sender) { o.Snapshot = btrfs.UUID{2} }, Awaited, "it asks its target where to begin"},
		"another snapshot":     {func(o *Sender) { o.Snapshot = btrfs.UUID{4} }, Apart, "another snapshot"},
		"a target that is off": {func(o *Sender) { o.Reachable = false }, Apart, "its target is not known to answer"},
		"another base": {func(o *Sender) {
			o.Stream = ready.Stream
			o.Stream.Parent = btrfs.UUID{}
		}, Apart, "another base"},
		"another format": {func(o *Sender) {
			o.Stream = ready.Stream
			o.Stream.Compressed = false
		}, Apart, "another format"},
		"another position": {func(o *Sender) {
			o.Stream = ready.Stream
			o.Stream.From = ""
		}, Apart, "another position"},
		"a stream of another snapshot": {func(o *Sender) { o.Stream = Stream{Snapshot: btrfs.UUID{4}} }, Apart, "another snapshot"},
	} {
		other := undecided
		c.change(&other)
		if bond, reason := Company(ready, other); bond != c.bond || reason != c.reason {
			t.Errorf("%s: %s (%s), want %s (%s)", name, bond, reason, c.bond, c.reason)
		}
	}
}
