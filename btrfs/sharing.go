package btrfs

// sharing notices extents that come again. It remembers all of them up to
// sharedMost, then one in two, one in four and so on, and what it has forgotten
// counts as new. The zero value has seen nothing.
type sharing struct {
	known map[uint64]struct{}
	mask  uint64 // bits of a hash that are 0 in what is remembered
}

const sharedMost = 1 << 18 // some 10 MB

// seen reports whether that piece of that extent was seen before.
func (s *sharing) seen(e fileExtent) bool {
	h := mixed(e.disk ^ mixed(e.into))
	if _, ok := s.known[h]; ok {
		return true
	}
	if h&s.mask != 0 {
		return false
	}
	if s.known == nil {
		s.known = make(map[uint64]struct{})
	}
	s.known[h] = struct{}{}
	if len(s.known) > sharedMost {
		s.forget()
	}
	return false
}

// forget lets go of half of it.
func (s *sharing) forget() {
	s.mask = s.mask<<1 | 1
	for h := range s.known {
		if h&s.mask != 0 {
			delete(s.known, h)
		}
	}
}

// mixed is the finalizer of splitmix64: every bit depends on all.
func mixed(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
