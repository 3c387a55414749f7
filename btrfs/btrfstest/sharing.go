package btrfstest

// Sharing compares what snapshots share with what their copies elsewhere do, one
// after the other of one share. The zero value is ready. It is not safe for
// concurrent use.
//
// It forgives what depends on when the kernel wrote data out, which it does when
// memory is short, a snapshot is taken or anybody syncs. On a pool that compresses,
// a block that is all of its file so far becomes an inline extent when it is
// written out just then (can_cow_file_range_inline of fs/btrfs/inode.c), and stays
// one when the file goes on. That is not rare: within one write(2) a file grows page
// by page. What lies in the tree of a subvolume cannot be shared, so a clone of that
// block is a copy, which has the same content.
type Sharing struct {
	excused map[place]struct{} // of first blocks that lie inline elsewhere
}

// Lost is [Reflinks.Unshare] of r and o without the blocks that lie where, in this
// snapshot or one before, the first block of a file lay that lies inline in o. How
// many of these are not shared in o is returned as forgiven. No snapshot that r was
// read of may be deleted, as others would lie there then.
func (s *Sharing) Lost(r, o Reflinks) (lost string, forgiven int) {
	s.excuse(r, o)
	apart, excusable := map[string]int{}, map[string]int{}
	for at, blocks := range r.shared() {
		if _, excused := s.excused[at]; excused {
			o.countApart(blocks, excusable)
		} else {
			o.countApart(blocks, apart)
		}
	}
	for _, n := range excusable {
		forgiven += n
	}
	return lostText(apart), forgiven
}

func (s *Sharing) excuse(r, o Reflinks) {
	if s.excused == nil {
		s.excused = map[place]struct{}{}
	}
	for path := range o.inline {
		if at, found := r.places[fileBlock{path, 0}]; found {
			s.excused[at] = struct{}{}
		}
	}
}
