package certs

import (
	"errors"
	"slices"
)

// Add takes records in and returns those that are in the set now and were not
// before, in an order good to send. They are some of the given ones and some that
// had waited for their issuer to be known. The order of the given plays no part.
//
// Refused records do not stop the others. The error joins an *[IntakeError] for
// each limit of an issuer that was hit and a *[MeshError] for each other mesh.
func (s *RecordSet) Add(records ...Record) (added []Record, err error) {
	in := intake{set: s, byIssuer: map[ID][]Record{}, refused: map[string]error{}}
	for _, r := range records {
		in.found(r)
	}
	for _, r := range slices.Concat(s.waiting, records) {
		in.sort(r)
	}
	in.settle()
	s.waiting = in.left(slices.Concat(s.waiting, records))
	return in.kept(), in.err()
}

// intake is one call of Add.
type intake struct {
	set      *RecordSet
	byIssuer map[ID][]Record // not looked at yet
	added    []Record
	refused  map[string]error
	order    []string // of refused
}

// found gives a set without mesh that of the genesis r.
func (in *intake) found(r Record) {
	if r.Kind() == Genesis && in.set.mesh.IsZero() {
		in.set.mesh = r.Mesh()
	}
}

func (in *intake) sort(r Record) {
	switch {
	case r.Mesh() != in.set.mesh || r.Kind() == 0:
		in.refuse(&MeshError{Got: r.Mesh(), Want: in.set.mesh})
	case r.Kind() == Genesis:
		in.take(r)
	default:
		in.byIssuer[r.id] = append(in.byIssuer[r.id], r)
	}
}

// settle takes in all records of known issuers, and of those they make known.
func (in *intake) settle() {
	var ready []ID
	for id := range in.byIssuer {
		if in.set.known[id] {
			ready = append(ready, id)
		}
	}
	slices.SortFunc(ready, ID.Compare)
	for len(ready) > 0 {
		id := ready[0]
		ready = ready[1:]
		for _, r := range in.byIssuer[id] {
			if subject, fresh := in.take(r); fresh && len(in.byIssuer[subject]) > 0 {
				ready = append(ready, subject)
			}
		}
		delete(in.byIssuer, id)
	}
}

// take puts r into the set, unless it has it, a newer one, or no room. It
// returns the key that r makes known.
func (in *intake) take(r Record) (subject ID, fresh bool) {
	if in.set.Has(r.hash) || in.set.stale(r) {
		return ID{}, false
	}
	if err := in.set.put(r); err != nil {
		in.refuse(err)
		return ID{}, false
	}
	in.added = append(in.added, r)
	return in.set.learn(r)
}

func (in *intake) refuse(err error) {
	text := err.Error()
	if in.refused[text] == nil {
		in.refused[text] = err
		in.order = append(in.order, text)
	}
}

func (in *intake) err() error {
	errs := make([]error, 0, len(in.order))
	for _, text := range in.order {
		errs = append(errs, in.refused[text])
	}
	return errors.Join(errs...)
}

// kept returns what was added and not replaced right after.
func (in *intake) kept() []Record {
	in.added = slices.DeleteFunc(in.added, func(r Record) bool { return !in.set.Has(r.hash) })
	return in.added
}

// left returns what waits on: the youngest of all that nobody known issued, as
// many as there is room for, each once.
func (in *intake) left(all []Record) []Record {
	seen := map[RecordHash]bool{}
	var rest []Record
	room := waitingBytes
	for _, r := range slices.Backward(all) {
		if len(in.byIssuer[r.id]) == 0 || r.Mesh() != in.set.mesh || seen[r.hash] {
			continue
		}
		if room -= r.Size(); room < 0 {
			break
		}
		seen[r.hash] = true
		rest = append(rest, r)
	}
	slices.Reverse(rest)
	return rest
}

// stale reports whether r describes an appliance the set has newer words of.
func (s *RecordSet) stale(r Record) bool {
	d, ok := r.body.(Description)
	old, has := s.records[s.newest[r.id]]
	if !ok || !has {
		return false
	}
	o, ok := old.body.(Description)
	return ok && (o.Seq > d.Seq || o.Seq == d.Seq && old.hash.Compare(r.hash) > 0)
}

// put inserts r in place of the description it supersedes, if any. The error is
// an *[IntakeError].
func (s *RecordSet) put(r Record) error {
	var old Record
	if r.Kind() == Describe {
		old = s.records[s.newest[r.id]]
	}
	after, limit, most := s.usage[r.id].admit(r.Kind(), r.Size(), old.Size(), s.bytes)
	if limit != "" {
		return &IntakeError{Issuer: r.id, Limit: limit, Max: most}
	}
	if old.Size() > 0 {
		s.drop(old.hash)
	}
	if r.Kind() == Describe {
		s.newest[r.id] = r.hash
	}
	s.usage[r.id] = after
	s.bytes += r.Size() - old.Size()
	s.records[r.hash] = r
	at, _ := slices.BinarySearchFunc(s.sorted, r.hash, RecordHash.Compare)
	s.sorted = slices.Insert(s.sorted, at, r.hash)
	return nil
}

func (s *RecordSet) drop(hash RecordHash) {
	delete(s.records, hash)
	if at, ok := slices.BinarySearchFunc(s.sorted, hash, RecordHash.Compare); ok {
		s.sorted = slices.Delete(s.sorted, at, at+1)
	}
}

// learn returns the key that r, just put, makes known, if it was not.
func (s *RecordSet) learn(r Record) (ID, bool) {
	var id ID
	switch b := r.body.(type) {
	case GenesisBody:
		id, s.founder = b.Founder, b.Founder
	case AdmitBody:
		id = b.Subject
	}
	if id.IsZero() || s.known[id] {
		return ID{}, false
	}
	s.known[id] = true
	return id, true
}

// inOrder returns the records, each after those that make its issuer known,
// descriptions last. The order is the same for equal sets.
func (s *RecordSet) inOrder() []Record {
	byIssuer := map[ID][]Record{}
	var last []Record
	for _, h := range s.sorted {
		r := s.records[h]
		if r.Kind() == Describe {
			last = append(last, r)
			continue
		}
		byIssuer[r.id] = append(byIssuer[r.id], r)
	}
	if genesis := s.records[RecordHash(s.mesh)]; genesis.Size() > 0 {
		byIssuer[s.founder] = append([]Record{genesis}, byIssuer[s.founder]...)
	}
	return append(walk(s.founder, byIssuer, len(s.sorted)), last...)
}

// walk lists records by breadth from the founder along admissions, each once.
func walk(founder ID, byIssuer map[ID][]Record, size int) []Record {
	all := make([]Record, 0, size)
	for queue := []ID{founder}; len(queue) > 0; queue = queue[1:] {
		for i, r := range byIssuer[queue[0]] {
			if i > 0 && r.Kind() == Genesis {
				continue // it came first
			}
			if b, ok := r.body.(AdmitBody); ok {
				queue = append(queue, b.Subject)
			}
			all = append(all, r)
		}
		delete(byIssuer, queue[0])
	}
	return all
}
