package plan

import (
	"fmt"
	"slices"

	"btrmesh/btrfs"
)

// BaseKind is how a snapshot gets to the target.
type BaseKind uint8

// The kinds of Choice.
const (
	Full        BaseKind = 1 // the target has nothing: send everything
	Incremental BaseKind = 2 // send the difference to Choice.Parent
	NoCommon    BaseKind = 3 // only a full send would do, and it needs the operator's word
	Done        BaseKind = 4 // the target has it already
)

// String returns "full", "incremental", "no common snapshot" or "done".
func (k BaseKind) String() string {
	switch k {
	case Full:
		return "full"
	case Incremental:
		return "incremental"
	case NoCommon:
		return "no common snapshot"
	case Done:
		return "done"
	}
	return fmt.Sprintf("base kind %d", uint8(k))
}

// Choice is how to bring a snapshot to the target.
type Choice struct {
	Kind      BaseKind
	Parent    Snapshot   // of Incremental: as it is here; of Done: the snapshot itself; else zero
	OnlyHere  []Snapshot // without a match on the other side, oldest first
	OnlyThere []Snapshot
	Reason    string // for a person
}

// Base chooses how to send the snapshot with the UUID send, or a new one if send
// is zero. here are the snapshots of the share on the source's pool, send
// included or not; there those on the target. The order of neither matters.
//
// The parent is the newest snapshot on both sides that is unmodified on both,
// other than send itself. Snapshots are the same if UUID and ctransid are. All
// must come from one source file system: ctransids of two do not compare.
func Base(send btrfs.UUID, here, there []Snapshot) Choice {
	here, there = oldestFirst(here), oldestFirst(there)
	c := Choice{OnlyHere: without(here, there), OnlyThere: without(there, here)}
	common := slices.DeleteFunc(slices.Clone(here), func(s Snapshot) bool {
		return !s.usable() || !slices.ContainsFunc(there, func(o Snapshot) bool { return o.usable() && o.same(s) })
	})
	if i := slices.IndexFunc(common, func(s Snapshot) bool { return s.UUID == send }); i >= 0 {
		c.Kind, c.Parent, c.Reason = Done, common[i], common[i].Name+" is already on the target"
		return c
	}
	switch {
	case len(there) == 0:
		c.Kind, c.Reason = Full, "the target has no snapshot of this share"
	case len(common) == 0:
		c.Kind, c.Reason = NoCommon, whyNoCommon(c, there)
	default:
		c.Kind, c.Parent = Incremental, common[len(common)-1]
		c.Reason = c.Parent.Name + " is the newest snapshot on both sides"
	}
	return c
}

// whyNoCommon tells modified snapshots from missing ones.
func whyNoCommon(c Choice, there []Snapshot) string {
	if modified := len(there) - len(c.OnlyThere); modified > 0 {
		return fmt.Sprintf("%d in common, but modified by hand on either side", modified)
	}
	return fmt.Sprintf("none of the target's snapshots (%d) is still here", len(there))
}

// without returns the snapshots of a that have no match in b.
func without(a, b []Snapshot) []Snapshot {
	var only []Snapshot
	for _, s := range a {
		if !slices.ContainsFunc(b, s.same) {
			only = append(only, s)
		}
	}
	return only
}
