package plan

import (
	"fmt"
	"slices"
	"strings"

	"btrmesh/certs"
)

// slots counts runs against the limits of a View.
type slots struct {
	max, perPeer int
	running      []string // task names, in the order they were counted
	toPeer       map[certs.ID][]string
}

// newSlots returns the slots with the running tasks of v in them.
func newSlots(v View) *slots {
	s := &slots{max: v.MaxRunning, perPeer: v.MaxPerPeer, toPeer: map[certs.ID][]string{}}
	for _, t := range v.Tasks {
		if t.Running {
			s.take(t)
		}
	}
	return s
}

func (s *slots) take(t Task) {
	s.running = append(s.running, t.Name)
	s.toPeer[t.Peer] = append(s.toPeer[t.Peer], t.Name)
}

// refuse says what t has to wait for, "" if there is room. A full peer is named
// before a full appliance: it is the more precise answer.
func (s *slots) refuse(t Task) string {
	switch peer := s.toPeer[t.Peer]; {
	case s.perPeer > 0 && len(peer) >= s.perPeer:
		return waitsFor(peer, " to "+t.PeerName, s.perPeer)
	case s.max > 0 && len(s.running) >= s.max:
		return waitsFor(s.running, "", s.max)
	}
	return ""
}

func waitsFor(tasks []string, to string, limit int) string {
	run := "run"
	if len(tasks) > 1 {
		run = "runs"
	}
	names := strings.Join(slices.Sorted(slices.Values(tasks)), ", ")
	return fmt.Sprintf("waits for %s of %s%s (%d at a time)", run, names, to, limit)
}
