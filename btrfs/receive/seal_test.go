package receive

import (
	"testing"

	"btrmesh/btrfs"
)

func TestProblemOfASubvolumeIsAnyDifferenceToWhatWasSealed(t *testing.T) {
	id := Identity{Snapshot: btrfs.UUID{1}, CTransID: 77}
	sealed := btrfs.Subvolume{ReadOnly: true, ReceivedUUID: id.Snapshot, STransID: 77, CTransID: 9, RTransID: 9}
	for name, c := range map[string]struct {
		change func(*btrfs.Subvolume)
		want   string
	}{
		"sealed":           {func(*btrfs.Subvolume) {}, ""},
		"older content":    {func(s *btrfs.Subvolume) { s.CTransID = 8 }, ""},
		"later generation": {func(s *btrfs.Subvolume) { s.Generation = 100 }, ""},
		"writable":         {func(s *btrfs.Subvolume) { s.ReadOnly = false }, "it is writable"},
		"uuid cleared":     {func(s *btrfs.Subvolume) { s.ReceivedUUID = btrfs.UUID{} }, "its received UUID is not that of the snapshot"},
		"other transid":    {func(s *btrfs.Subvolume) { s.STransID = 78 }, "its received transaction is not that of the snapshot"},
		"written to":       {func(s *btrfs.Subvolume) { s.CTransID = 10 }, "its content was changed or deduplicated since"},
	} {
		have := sealed
		c.change(&have)
		if got := problemOf(have, id); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
