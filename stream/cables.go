package stream

import (
	"fmt"
	"slices"
	"sync"

	"btrmesh/certs"
)

// cables knows every live TCP connection with a member. Safe for concurrent use.
type cables struct {
	mu     sync.Mutex
	open   map[certs.ID][]*cable
	closed bool
}

func newCables() *cables { return &cables{open: make(map[certs.ID][]*cable)} }

// add enters c. It fails with ErrClosed after cutAll, and if the peer has too
// many of that direction; the caller then cuts c.
func (s *cables) add(c *cable) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if n := countCables(s.open[c.peer], c.dialled); n >= maxConns {
		return fmt.Errorf("%d connections", n)
	}
	s.open[c.peer] = append(s.open[c.peer], c)
	return nil
}

// remove does nothing to one that was removed before.
func (s *cables) remove(c *cable) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := slices.DeleteFunc(s.open[c.peer], func(o *cable) bool { return o == c })
	if len(left) == 0 {
		delete(s.open, c.peer)
		return
	}
	s.open[c.peer] = left
}

// crowded says whether one more that we dial to peer would be too many.
func (s *cables) crowded(peer certs.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return countCables(s.open[peer], true) >= maxConns
}

// cutPeer cuts all of peer but tunnels.
func (s *cables) cutPeer(peer certs.ID, code uint64, why string) {
	s.mu.Lock()
	list := slices.Clone(s.open[peer])
	s.mu.Unlock()
	cutLanes(list, code, why)
}

// cutAll lets nothing in any more and cuts what is there but tunnels.
func (s *cables) cutAll(code uint64, why string) {
	s.mu.Lock()
	s.closed = true
	var list []*cable
	for _, some := range s.open {
		list = append(list, some...)
	}
	s.mu.Unlock()
	cutLanes(list, code, why)
}

func cutLanes(list []*cable, code uint64, why string) {
	for _, c := range list {
		if !c.tunnel.Load() {
			c.cut(code, why)
		}
	}
}

func countCables(list []*cable, dialled bool) int {
	n := 0
	for _, c := range list {
		if c.dialled == dialled {
			n++
		}
	}
	return n
}
