package btrfs

import (
	"encoding/binary"
	"testing"
)

func TestOnlyUnchangedSnapshotsOfOneShareHaveLeavesInCommon(t *testing.T) {
	share := UUID{1}
	base := Subvolume{ParentUUID: share, CTransID: 90, OTransID: 100}
	for name, c := range map[string]struct {
		snap, base Subvolume
		want       uint64
	}{
		"full":                     {Subvolume{ParentUUID: share, OTransID: 120}, Subvolume{}, 0},
		"no snapshot, full":        {Subvolume{OTransID: 120}, Subvolume{}, 0},
		"later":                    {Subvolume{ParentUUID: share, OTransID: 120}, base, 101},
		"of one transaction":       {Subvolume{ParentUUID: share, OTransID: 100}, base, 101},
		"earlier":                  {Subvolume{ParentUUID: share, OTransID: 99}, base, 0},
		"of another share":         {Subvolume{ParentUUID: UUID{2}, OTransID: 120}, base, 0},
		"of none":                  {Subvolume{OTransID: 120}, Subvolume{OTransID: 100}, 0},
		"base changed since":       {Subvolume{ParentUUID: share, OTransID: 120}, Subvolume{ParentUUID: share, CTransID: 101, OTransID: 100}, 0},
		"base changed when it was": {Subvolume{ParentUUID: share, OTransID: 120}, Subvolume{ParentUUID: share, CTransID: 100, OTransID: 100}, 101},
	} {
		t.Run(name, func(t *testing.T) {
			if got := firstOwnLeaf(c.snap, c.base); got != c.want {
				t.Errorf("the first own leaf is of transaction %d, want %d", got, c.want)
			}
		})
	}
}

// extentItem is a struct btrfs_file_extent_item with its data.
func extentItem(kind uint32, ramBytes uint64, compression, form byte) item {
	b := make([]byte, 21, 60)
	binary.LittleEndian.PutUint64(b[8:], ramBytes)
	b[16], b[20] = compression, form
	return item{key: key{id: 257, kind: kind}, data: append(b, "data"...)}
}

func TestTailOfAnInlineExtentIsCutWhereTheFileGoesOn(t *testing.T) {
	short := extentItem(typeExtentData, 413, 3, 0)
	cut := short
	cut.data = cut.data[:20]
	for name, c := range map[string]struct {
		it   item
		size uint64
		want bool
	}{
		"to the end of the file":     {short, 413, false},
		"a byte short":               {short, 414, true},
		"to the end of its block":    {short, 4096, true},
		"in a longer file":           {short, 100_000, true},
		"longer than the file":       {short, 400, false},
		"of a whole block":           {extentItem(typeExtentData, 4096, 3, 0), 100_000, false},
		"not compressed":             {extentItem(typeExtentData, 413, 0, 0), 4096, false},
		"regular":                    {extentItem(typeExtentData, 413, 3, 1), 4096, false},
		"preallocated":               {extentItem(typeExtentData, 413, 3, 2), 4096, false},
		"no extent":                  {extentItem(24, 413, 3, 0), 4096, false},
		"an item that ends too soon": {cut, 4096, false},
	} {
		t.Run(name, func(t *testing.T) {
			inode := make([]byte, 160)
			binary.LittleEndian.PutUint64(inode[16:], c.size)
			check := tailCheck{sector: 4096}
			if cut, err := check.cutAt(item{key: key{id: 257, kind: typeInodeItem}, data: inode}); cut || err != nil {
				t.Errorf("an inode is cut: %v (%v)", cut, err)
			}
			if got, err := check.cutAt(c.it); got != c.want || err != nil {
				t.Errorf("cut is %v (%v), want %v", got, err, c.want)
			}
		})
	}
}
