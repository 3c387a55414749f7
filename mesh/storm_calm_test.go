package mesh

import (
	"slices"
	"time"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
)

// calm ends all faults, waits, and checks what must be true again.
func (s *storm) calm() {
	s.heal()
	sailing := s.nodes[:s.joined]
	for _, m := range sailing {
		if m.stop == nil {
			m.start()
		}
	}
	time.Sleep(90 * time.Second)
	for _, p := range sailing {
		for _, q := range sailing {
			if p != q && mutual(p, q) {
				s.alike(p, q)
			}
		}
		s.odd = s.odd || len(p.heldRemovals()) > 0
	}
	for _, gone := range s.removed {
		s.stays(gone)
	}
	if !s.odd {
		s.whole(sailing)
	}
	if !s.odd && len(s.removed) == 0 {
		s.agree()
	}
	s.nothingUngranted()
}

// mutual tells whether each of two counts the other as a member.
func mutual(p, q *member) bool {
	return p.members.is(q.identity.ID()) && q.members.is(p.identity.ID())
}

// alike checks that two members have the same records and see each other.
func (s *storm) alike(p, q *member) {
	if p.members.Digest() != q.members.Digest() {
		s.t.Errorf("%s and %s have other records", p.name, q.name)
	}
	if got := p.sees(q); got != control.Online {
		s.t.Errorf("%s is %s for %s", q.name, got, p.name)
	}
}

// stays checks that nobody who knows who removed an outcast counts that as a
// member, but by its own decision or for want of one.
func (s *storm) stays(gone outcast) {
	for _, p := range s.nodes[:s.joined] {
		if p != gone.by && !mutual(p, gone.by) || !p.members.is(gone.id) {
			continue
		}
		local := p.members.now.Load().local
		if held := p.heldAgainst(p.nameNow(gone.id)); !local.Keep[gone.id] && len(held) == 0 {
			s.t.Errorf("%s, removed by %s, is a member for %s", gone.id.Short(), gone.by.name, p.name)
		}
	}
}

func (m *member) nameNow(id certs.ID) string { return nameIn(m.members.fold(), id) }

// whole checks that all who are in count each other as members: those whom nobody
// removed, nor whoever let them in.
func (s *storm) whole(sailing []*member) {
	for _, p := range sailing {
		for _, q := range sailing {
			if p == q || s.isOut(p) || s.isOut(q) || mutual(p, q) {
				continue
			}
			_, fallen := p.revocation(q)
			_, other := q.revocation(p)
			if !fallen && !other && !s.unheard(p, q) && !s.unheard(q, p) {
				s.t.Errorf("%s and %s do not know each other: %q, %q", p.name, q.name, p.crew(), q.crew())
			}
		}
	}
}

// unheard tells whether p never heard of q's admission, and hears it no more since
// whoever signed it was removed.
func (s *storm) unheard(p, q *member) bool {
	return s.sponsor[q] != nil && s.isOut(s.sponsor[q]) && !p.members.fold().Ever[q.identity.ID()]
}

// isOut tells whether somebody removed m, or one without a place let it in.
func (s *storm) isOut(m *member) bool {
	return s.strays[m] || slices.ContainsFunc(s.removed, func(o outcast) bool { return o.id == m.identity.ID() })
}

// nothingUngranted checks that each run was allowed from its beginning to its end.
func (s *storm) nothingUngranted() {
	for i, target := range s.nodes {
		for _, run := range target.finished(state.RunFilter{Side: state.Receive}) {
			source := slices.IndexFunc(s.nodes, func(m *member) bool { return m.identity.ID() == run.Peer })
			allowed := slices.ContainsFunc(s.granted[way{source, i}], func(g span) bool {
				return !run.Started.Before(g.begin) && (g.end.IsZero() || !run.Ended.After(g.end.Add(time.Second)))
			})
			if run.State == state.Done && !allowed {
				s.t.Errorf("run %d of %s was written on %s without a grant", run.Number, run.Task, target.name)
			}
		}
	}
}
