package certs

import "slices"

// Fold decides who belongs to the mesh, from the records and the decisions made
// here alone: equal records and equal decisions give equal members, in whatever
// order they came. It looks at no clock and counts nothing.
//
//  1. Every key is out that a known key revoked, whether that is out itself or
//     not. Held revocations do not count, nor those of a key kept here; a key
//     removed here is out too.
//  2. The founder is reached, and the keys kept here. So is, in turn, whom a
//     reached key admitted that is not out, and whom an out one admitted by a
//     record that is kept: listed in a revocation of that key by another one
//     that is reached, by a member when it came, or approved here. Whoever left
//     keeps by its own word, unless another revoked it.
//  3. Members are the reached that are not out.
//
// What is reached is a least fixed point, so that no key vouches for itself.
func Fold(s *RecordSet, d Decisions) Membership {
	f := newFold(s, d)
	f.judge()
	f.reach()
	return f.membership()
}

// fold is one run of Fold.
type fold struct {
	set      *RecordSet
	d        Decisions
	admits   map[ID][]Record // by issuer
	admitted map[ID][]Record // the same by subject
	revoked  map[ID][]Record // revocations that count, by subject
	signed   map[ID][]Record // the same by issuer
	out      map[ID]bool
	kept     map[RecordHash]bool
	reached  map[ID]bool
	next     []ID // reached, but not followed yet
}

// newFold sorts the records. Whoever signed one in the set is known.
func newFold(s *RecordSet, d Decisions) *fold {
	f := &fold{
		set: s, d: d,
		admits: map[ID][]Record{}, admitted: map[ID][]Record{},
		revoked: map[ID][]Record{}, signed: map[ID][]Record{},
		out: map[ID]bool{}, kept: map[RecordHash]bool{}, reached: map[ID]bool{},
	}
	for _, h := range s.sorted {
		r := s.records[h]
		switch b := r.body.(type) {
		case AdmitBody:
			f.admits[r.id] = append(f.admits[r.id], r)
			f.admitted[b.Subject] = append(f.admitted[b.Subject], r)
		case RevokeBody:
			if !d.holds(h) {
				f.revoked[b.Subject] = append(f.revoked[b.Subject], r)
				f.signed[r.id] = append(f.signed[r.id], r)
			}
		}
	}
	return f
}

// judge fills out.
func (f *fold) judge() {
	for id := range f.revoked {
		f.out[id] = !f.d.Keep[id]
	}
	for id, remove := range f.d.Remove {
		f.out[id] = f.out[id] || remove
	}
}

// reach fills reached and kept. Either only grows, so the order is of no matter.
func (f *fold) reach() {
	f.keepVouched()
	f.add(f.set.founder)
	for id, keep := range f.d.Keep {
		if keep && f.set.known[id] {
			f.add(id)
		}
	}
	for len(f.next) > 0 {
		id := f.next[len(f.next)-1]
		f.next = f.next[:len(f.next)-1]
		f.follow(id)
	}
}

// keepVouched keeps what revocations list that count without their signer.
func (f *fold) keepVouched() {
	for _, rs := range f.revoked {
		for _, r := range rs {
			if f.d.vouches(r.hash) {
				f.keep(r)
			}
		}
	}
}

// add marks id as reached, to be followed.
func (f *fold) add(id ID) {
	if !id.IsZero() && !f.reached[id] {
		f.reached[id] = true
		f.next = append(f.next, id)
	}
}

// follow draws what follows from id being reached.
func (f *fold) follow(id ID) {
	for _, r := range f.admits[id] {
		f.consider(r)
	}
	for _, r := range f.signed[id] {
		f.keep(r)
	}
}

// consider adds the subject of an admission if that is good.
func (f *fold) consider(r Record) {
	if b, ok := r.body.(AdmitBody); ok && f.good(r) {
		f.add(b.Subject)
	}
}

// good reports whether the subject of an admission is reached through it.
func (f *fold) good(r Record) bool {
	return f.reached[r.id] && (!f.out[r.id] || f.kept[r.hash])
}

// keep marks the admissions by its subject that a revocation lists.
func (f *fold) keep(revoke Record) {
	b, ok := revoke.body.(RevokeBody)
	if !ok || b.Subject == revoke.id && f.removedByOthers(b.Subject) {
		return
	}
	for _, h := range b.Keeps {
		if r := f.set.records[h]; r.Kind() == Admit && r.id == b.Subject {
			f.kept[h] = true
			f.consider(r)
		}
	}
}

// removedByOthers reports whether somebody else than id itself put it out.
func (f *fold) removedByOthers(id ID) bool {
	return f.d.Remove[id] || slices.ContainsFunc(f.revoked[id], func(r Record) bool { return r.id != id })
}
