package btrfs

import (
	"sync"

	"btrmesh/btrfs/sendstream"
)

// spot is how far a send has come. It visits inodes in ascending order, and the
// data of each from its beginning on. The zero value is the start.
type spot struct {
	inode  uint64
	offset int64 // in bytes
}

// isPast reports whether all of e lies behind.
func (s spot) isPast(e dataExtent) bool {
	return e.inode < s.inode || e.inode == s.inode && e.end() <= s.offset
}

func (s spot) isBefore(o spot) bool {
	return s.inode < o.inode || s.inode == o.inode && s.offset < o.offset
}

// glimpse is the last a stream told of its place. Data commands do not name the
// inode, and only files that are new do.
type glimpse struct {
	made uint64 // inode of the last file that was made; 0: none
	path string // of the last data command since; "": there was none
	end  int64  // of that data in its file, in bytes
}

// sight is a glimpse that is kept up to date. It is safe for concurrent use.
type sight struct {
	passed chan struct{} // holds a token once that much has passed; see after

	mu    sync.Mutex
	made  uint64
	path  []byte
	end   int64
	until int64 // bytes of the stream before the next token; negative: none is due
}

func newSight() *sight { return &sight{passed: make(chan struct{}, 1), until: -1} }

// watch takes note of a command.
func (s *sight) watch(c *sendstream.Command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Type == sendstream.CmdMkfile {
		s.made, s.path, s.end = c.Ino, s.path[:0], 0
	} else if _, end, ok := c.DataRange(); ok {
		s.path, s.end = append(s.path[:0], c.Path...), end
	}
	if s.until < 0 {
		return
	}
	if s.until -= int64(c.Size); s.until < 0 {
		select {
		case s.passed <- struct{}{}:
		default: // the last one lies there still
		}
	}
}

// after asks for one token when more than n bytes have passed from now on. There
// may be a token of an earlier call.
func (s *sight) after(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = n
}

func (s *sight) last() glimpse {
	s.mu.Lock()
	defer s.mu.Unlock()
	return glimpse{made: s.made, path: string(s.path), end: s.end}
}
