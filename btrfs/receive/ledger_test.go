package receive

import (
	"testing"

	"btrmesh/btrfs"
)

func TestExtentStrikesOffTheEntriesThatBeginInIt(t *testing.T) {
	entries := []entry{{257, 0}, {257, 4096}, {257, 8192}, {258, 0}}
	for _, c := range []struct {
		name string
		e    btrfs.Extent
		left int
	}{
		{"the first alone", btrfs.Extent{Inode: 257, Offset: 0, Len: 4096}, 3},
		{"one larger than it was written", btrfs.Extent{Inode: 257, Offset: 0, Len: 5000}, 2},
		{"of another file", btrfs.Extent{Inode: 256, Offset: 0, Len: 1 << 20}, 4},
		{"none before it", btrfs.Extent{Inode: 257, Offset: 4096, Len: 1 << 20}, 4},
		{"none of the next file", btrfs.Extent{Inode: 257, Offset: 0, Len: 1 << 20}, 1},
		{"an empty one", btrfs.Extent{Inode: 257, Offset: 0, Len: 0}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			if left := strike(entries, c.e); len(left) != c.left {
				t.Errorf("left are %v", left)
			}
		})
	}
}

func TestEntryThatIsPassedIsMissing(t *testing.T) {
	e := btrfs.Extent{Inode: 257, Offset: 4096, Len: 4096}
	for _, c := range []struct {
		n    entry
		want bool
	}{
		{entry{256, 8192}, true},
		{entry{257, 0}, true},
		{entry{257, 4096}, false},
		{entry{257, 8192}, false},
		{entry{258, 0}, false},
	} {
		if got := c.n.before(e); got != c.want {
			t.Errorf("%v: %v", c.n, got)
		}
	}
}
