package certs

import (
	"maps"
	"slices"
)

// party is a number of keys whose revocations [Brake] counts as of one.
type party struct {
	leader ID
	keys   map[ID]bool
	owing  map[ID]bool // members that do not count as put out, nor in the total
}

// parties returns all that a revocation of the batch may belong to: the issuers
// and, for each but the founder, it and whoever let it in with those that owe
// them their place. It takes the batch for applied, but without some. The order
// is the same for equal sets.
func (b *brake) parties(without map[RecordHash]bool) []party {
	f := b.fold(without)
	heads := f.heads()
	issuers, leaders := map[ID]bool{}, map[ID]bool{}
	for _, r := range b.fresh {
		issuers[heads[r.id]] = true
		f.ancestors(r.id, leaders)
	}
	var all []party
	for _, id := range slices.SortedFunc(maps.Keys(issuers), ID.Compare) {
		all = append(all, party{leader: id, keys: following(id, heads)})
	}
	for _, id := range slices.SortedFunc(maps.Keys(leaders), ID.Compare) {
		all = append(all, f.dependants(id))
	}
	return all
}

// fold applies the batch but for some of its revocations.
func (b *brake) fold(without map[RecordHash]bool) *fold {
	d := b.d
	d.Held, d.Vouched = maps.Clone(b.d.Held), maps.Clone(b.d.Vouched)
	mark(&d.Held, slices.Collect(maps.Keys(without)))
	for _, r := range b.fresh {
		if b.base[r.id] {
			mark(&d.Vouched, []RecordHash{r.hash})
		}
	}
	f := newFold(b.set, d)
	f.judge()
	f.reach()
	return f
}

// heads tells for each known key which it counts as: itself if it is reached,
// else the nearest reached key, which is out, along the admissions up from it.
func (f *fold) heads() map[ID]ID {
	heads := make(map[ID]ID, len(f.set.known))
	queue := slices.SortedFunc(maps.Keys(f.reached), ID.Compare)
	for _, id := range queue {
		heads[id] = id
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, r := range f.admits[queue[0]] {
			b, ok := r.body.(AdmitBody)
			if _, has := heads[b.Subject]; ok && !has {
				heads[b.Subject] = heads[r.id]
				queue = append(queue, b.Subject)
			}
		}
	}
	return heads
}

// following are the keys whose head is leader.
func following(leader ID, heads map[ID]ID) map[ID]bool {
	keys := map[ID]bool{}
	for id, head := range heads {
		if head == leader {
			keys[id] = true
		}
	}
	return keys
}

// ancestors adds id and all that let it in, directly or not, to found, but the founder.
func (f *fold) ancestors(id ID, found map[ID]bool) {
	if id == f.set.founder || found[id] {
		return
	}
	found[id] = true
	for _, r := range f.admitted[id] {
		f.ancestors(r.id, found)
	}
}

// dependants are id and the keys that nobody would know but for it.
func (f *fold) dependants(id ID) party {
	free := map[ID]bool{f.set.founder: true}
	for queue := []ID{f.set.founder}; len(queue) > 0; queue = queue[1:] {
		for _, r := range f.admits[queue[0]] {
			b, ok := r.body.(AdmitBody)
			if ok && r.id != id && !free[b.Subject] {
				free[b.Subject] = true
				queue = append(queue, b.Subject)
			}
		}
	}
	keys := map[ID]bool{id: true}
	owing := map[ID]bool{}
	for known := range f.set.known {
		if !free[known] {
			keys[known], owing[known] = true, true
		}
	}
	delete(owing, id) // it counts in the total, itself
	return party{leader: id, keys: keys, owing: owing}
}
