package receive

import (
	"slices"
	"testing"

	"btrmesh/btrfs"
)

func TestExtentStrikesOffWhatItCovers(t *testing.T) {
	all := []stretch{{257, 0, 3000}, {257, 4096, 8192}, {257, 8192, 9000}, {258, 0, 10}}
	for _, c := range []struct {
		name string
		e    btrfs.Extent
		want []stretch
	}{
		{"the first alone", btrfs.Extent{Inode: 257, Offset: 0, Len: 4096}, all[1:]},
		{"two", btrfs.Extent{Inode: 257, Offset: 0, Len: 8192}, all[2:]},
		{"all of a file", btrfs.Extent{Inode: 257, Offset: 0, Len: 1 << 20}, all[3:]},
		{"another file", btrfs.Extent{Inode: 256, Offset: 0, Len: 1 << 20}, all},
		{"nothing before it", btrfs.Extent{Inode: 257, Offset: 4096, Len: 1 << 20}, all},
		{"nothing", btrfs.Extent{Inode: 257}, all},
		{"a part", btrfs.Extent{Inode: 257, Offset: 0, Len: 1000}, append([]stretch{{257, 1000, 3000}}, all[1:]...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if left := strike(slices.Clone(all), c.e); !slices.Equal(left, c.want) {
				t.Errorf("left are %v, want %v", left, c.want)
			}
		})
	}
}

func TestStretchThatIsPassedIsMissing(t *testing.T) {
	e := btrfs.Extent{Inode: 257, Offset: 4096, Len: 4096}
	for _, c := range []struct {
		s    stretch
		want bool
	}{
		{stretch{256, 8192, 9000}, true},
		{stretch{257, 0, 9000}, true},
		{stretch{257, 4096, 9000}, false},
		{stretch{257, 8192, 9000}, false},
		{stretch{258, 0, 1}, false},
	} {
		if got := c.s.isBefore(e); got != c.want {
			t.Errorf("%v: %v", c.s, got)
		}
	}
}

func TestEachInodeIsListedOnce(t *testing.T) {
	got := inodesOf([]stretch{{258, 0, 1}, {257, 0, 1}, {258, 4096, 4097}})
	if !slices.Equal(got, []uint64{258, 257}) {
		t.Errorf("%v", got)
	}
}
