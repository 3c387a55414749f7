package btrfs

import (
	"cmp"
	"slices"
)

// extentID tells extents apart.
type extentID struct {
	disk, stored uint64
}

func (e fileExtent) id() extentID { return extentID{e.disk, e.stored} }

// seenTwice tells, with errors to one side only, which extents a tree refers to
// more than once: what it denies is so. It takes 8 MiB, and errs by 3 % where there
// are a million extents. The zero value has seen nothing.
type seenTwice struct {
	once, twice []uint64 // one bit for each hash
}

const (
	seenBits = 25
	seenMask = 1<<seenBits - 1
)

// add takes note of a reference.
func (s *seenTwice) add(e fileExtent) {
	if s.once == nil {
		s.once, s.twice = make([]uint64, 1<<seenBits/64), make([]uint64, 1<<seenBits/64)
	}
	h := mixed(e.disk) & seenMask
	word, bit := h/64, uint64(1)<<(h%64)
	if s.once[word]&bit != 0 {
		s.twice[word] |= bit
	}
	s.once[word] |= bit
}

func (s *seenTwice) maybe(e fileExtent) bool {
	h := mixed(e.disk) & seenMask
	return s.twice != nil && s.twice[h/64]&(1<<(h%64)) != 0
}

// sentPart is a part of an extent that a stream has brought, and where.
type sentPart struct {
	into, end uint64 // in the extent once decompressed; end may not be aligned, at the end of the file
	ino       uint64
	offset    uint64 // of into in that file
}

// sentParts remembers where the content of extents was sent: the last sentMost
// parts at least, twice as many at most. It is asked and told in the order of
// the stream only, so what it answers depends on that alone. The zero value is
// empty.
type sentParts struct {
	young, old map[extentID][]sentPart
	count      int // of parts in young
}

const sentMost = 1 << 17 // some 10 MB

// add remembers a part. An extent's parts are sorted by their beginnings.
func (s *sentParts) add(id extentID, p sentPart) {
	if s.count >= sentMost || s.young == nil {
		s.old, s.young, s.count = s.young, make(map[extentID][]sentPart), 0
	}
	list := s.young[id]
	i, found := slices.BinarySearchFunc(list, p.into, func(q sentPart, into uint64) int { return cmp.Compare(q.into, into) })
	switch {
	case !found:
		s.young[id] = slices.Insert(list, i, p)
		s.count++
	case list[i].end < p.end:
		list[i] = p
	}
}

// find looks for the part of an extent that begins at into and is length bytes
// long. It returns how much of its beginning was sent, and where; or, if it was
// not, how much has to be sent before there may be more. Either is a multiple of
// the sector, unless it is all.
func (s *sentParts) find(id extentID, into, length, sector uint64) (from sentPart, n uint64, sent bool) {
	n = length
	for _, list := range [...][]sentPart{s.young[id], s.old[id]} {
		i, _ := slices.BinarySearchFunc(list, into+1, func(q sentPart, into uint64) int { return cmp.Compare(q.into, into) })
		for _, p := range list[max(0, i-fewParts):i] {
			if k := p.holds(into, length, sector); k > 0 {
				return p.from(into), k, true
			}
		}
		if i < len(list) {
			n = min(n, list[i].into-into)
		}
	}
	return sentPart{}, n, false
}

// fewParts is how many parts before a place are looked at: more than one only
// where parts overlap, since files end within a sector.
const fewParts = 4

// holds returns how much of that piece can be shared with the part: whole
// sectors, or all if both end where their files do.
func (p sentPart) holds(into, length, sector uint64) uint64 {
	if into >= p.end {
		return 0
	}
	has := p.end - into
	if has == length {
		return length
	}
	n := min(has, length)
	return n - n%sector
}

// from is the part from into on.
func (p sentPart) from(into uint64) sentPart {
	p.offset += into - p.into
	p.into = into
	return p
}
