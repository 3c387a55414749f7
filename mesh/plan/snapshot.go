package plan

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"btrmesh/btrfs"
)

// Snapshot is one snapshot of a share, on the source or on the target, under
// its identity on the source.
type Snapshot struct {
	UUID     btrfs.UUID // of the subvolume on the source; zero: unknown, matches nothing
	CTransID uint64     // of the subvolume on the source when it was taken
	Taken    time.Time
	Received time.Time // committed on the target; zero on the source
	Name     string    // for a person: 20261123T100000Z
	ReadOnly bool
	Modified bool // changed since it was taken or committed
}

// usable reports whether s is still what it was when it was taken.
func (s Snapshot) usable() bool { return s.ReadOnly && !s.Modified }

// same reports whether s and o are the same state of the same share. A UUID
// with another ctransid was written to in between.
func (s Snapshot) same(o Snapshot) bool {
	return s.UUID == o.UUID && s.CTransID == o.CTransID && !s.UUID.IsZero()
}

// compareAge sorts the older snapshot to the front. The transaction number is
// asked before the clock, since it never runs backwards; it can tell apart only
// snapshots taken on one file system. It is equal when nothing changed in
// between, and then either will do.
func (s Snapshot) compareAge(o Snapshot) int {
	return cmp.Or(
		cmp.Compare(s.CTransID, o.CTransID),
		s.Taken.Compare(o.Taken),
		cmp.Compare(s.Name, o.Name),
		bytes.Compare(s.UUID[:], o.UUID[:]),
	)
}

// oldestFirst returns a sorted copy of snaps.
func oldestFirst(snaps []Snapshot) []Snapshot {
	sorted := slices.Clone(snaps)
	slices.SortStableFunc(sorted, Snapshot.compareAge)
	return sorted
}
