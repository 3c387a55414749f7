package certs

import (
	"cmp"
	"maps"
	"slices"
)

// membership tells what the fold found.
func (f *fold) membership() Membership {
	m := Membership{
		Mesh: f.set.mesh, Founder: f.set.founder,
		Members: map[ID]Member{}, Removed: map[ID]Removal{}, Ever: maps.Clone(f.set.known),
	}
	for id := range f.set.known {
		member := f.reached[id] && !f.out[id]
		if member {
			m.Members[id] = f.member(id)
		}
		if !member || len(f.revoked[id]) > 0 {
			m.Removed[id] = f.removal(id)
		}
	}
	return m
}

// member describes a known key. Where several admissions are good, the
// earliest by its clock is shown.
func (f *fold) member(id ID) Member {
	if id == f.set.founder {
		return f.described(f.foundation())
	}
	admits := slices.SortedFunc(slices.Values(f.admitted[id]), earlier)
	r := admits[0]
	if i := slices.IndexFunc(admits, f.good); i >= 0 {
		r = admits[i]
	}
	b, _ := r.Admit()
	return f.described(Member{ID: id, Key: b.Key, Name: b.Name, AdmittedBy: r.id, Admitted: r.At()})
}

func (f *fold) foundation() Member {
	r := f.set.records[RecordHash(f.set.mesh)]
	b, _ := r.Genesis()
	return Member{ID: b.Founder, Key: b.Key, Name: b.Name, Admitted: r.At()}
}

// described adds the member's own words.
func (f *fold) described(m Member) Member {
	r := f.set.records[f.set.newest[m.ID]]
	if m.Description, m.HasDescription = r.Describe(); m.HasDescription {
		m.Name = m.Description.Name
	}
	return m
}

// removal describes how a known key came to be out, or would but for a decision.
func (f *fold) removal(id ID) Removal {
	r := Removal{Name: f.member(id).Name, Local: f.d.Remove[id]}
	r.Kept = f.d.Keep[id] && !r.Local
	revokes := slices.SortedFunc(slices.Values(f.revoked[id]), earlier)
	for _, revoke := range revokes {
		r.By = appendNew(r.By, revoke.id)
	}
	if len(revokes) > 0 {
		b, _ := revokes[0].Revoke()
		r.Reason, r.At = b.Reason, revokes[0].At()
		return r
	}
	if r.Fallen = !r.Local; r.Fallen {
		r.By = f.sponsors(id)
	}
	return r
}

// sponsors are who admitted id, earliest first.
func (f *fold) sponsors(id ID) []ID {
	var ids []ID
	for _, r := range slices.SortedFunc(slices.Values(f.admitted[id]), earlier) {
		ids = appendNew(ids, r.id)
	}
	return ids
}

func appendNew(ids []ID, id ID) []ID {
	if slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}

// earlier orders records by their issuers' clocks, for people.
func earlier(a, b Record) int {
	return cmp.Or(cmp.Compare(a.head.At, b.head.At), a.hash.Compare(b.hash))
}
