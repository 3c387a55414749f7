package receive

import (
	"cmp"
	"os"
	"slices"

	"btrmesh/btrfs"
)

// stretch is a piece of a file that was written.
type stretch struct {
	inode    uint64
	from, to int64 // bytes of the file; to is not part of it
}

// missing returns those of some stretches of which a part is not on disk, cut at
// the front by what is. It sorts them. dir is in their subvolume, since the
// transaction before which none of them was written.
func missing(dir *os.File, since uint64, all []stretch) ([]stretch, error) {
	if len(all) == 0 {
		return nil, nil
	}
	slices.SortFunc(all, compareStretches)
	left := all
	for e, err := range btrfs.Written(dir, since, all[0].inode, all[len(all)-1].inode) {
		if err != nil {
			return nil, err
		}
		if left = strike(left, e); len(left) == 0 || left[0].isBefore(e) {
			break
		}
	}
	return left, nil
}

// strike takes what e covers off the front of sorted stretches.
func strike(all []stretch, e btrfs.Extent) []stretch {
	for len(all) > 0 && all[0].inode == e.Inode && all[0].from >= e.Offset && all[0].from < e.Offset+e.Len {
		all[0].from = e.Offset + e.Len
		if all[0].from >= all[0].to {
			all = all[1:]
		}
	}
	return all
}

func (s stretch) overlaps(o stretch) bool {
	return s.inode == o.inode && s.from < o.to && o.from < s.to
}

// isBefore reports whether neither e nor an extent behind it has its beginning.
func (s stretch) isBefore(e btrfs.Extent) bool {
	return s.inode < e.Inode || s.inode == e.Inode && s.from < e.Offset
}

func compareStretches(a, b stretch) int {
	return cmp.Or(cmp.Compare(a.inode, b.inode), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
}

// inodesOf lists each inode once.
func inodesOf(all []stretch) []uint64 {
	var inodes []uint64
	for _, s := range all {
		if !slices.Contains(inodes, s.inode) {
			inodes = append(inodes, s.inode)
		}
	}
	return inodes
}
