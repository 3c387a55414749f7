package certs

import (
	"maps"
	"slices"
)

// Verdict is what [Brake] decides about a batch of records. Both lists ascend.
type Verdict struct {
	Held    []RecordHash // revocations that must not count before a person approves
	Vouched []RecordHash // revocations by members, for [Decisions]
	Holds   []Hold       // why, for the person; each held record is in one
}

// Hold says what one issuer tried.
type Hold struct {
	Issuer   ID           // who, or who let in the keys that did
	Records  []RecordHash // held now, ascending
	Subjects []ID         // whom these revoke, ascending
	Loses    []ID         // members that would be out in total, ascending
	Members  int          // of how many
}

// Brake decides what to make of the revocations of a batch before it joins the
// set. Held are all new ones of an issuer if it would put out more than half of
// the members. What it did before counts as well, applied or held, so that many
// small batches do no more than a large one; so do members that merely fall
// with their sponsor. Approved revocations do not count, nor does leaving, nor
// anything in a set without members.
//
// Two rules keep an issuer from hiding behind keys it lets in:
//   - a key that was let in by removed keys alone counts as the nearest of these;
//   - any key but the founder's and all that owe it their place, together, must
//     not put out more than half of the members that do not.
//
// One's own revocations are to be approved in d beforehand. A batch is best the
// whole of what came at once: which half of a conflict is held depends on what
// came first, and nodes differ until a person decides.
func Brake(before *RecordSet, batch []Record, d Decisions) Verdict {
	b := newBrake(before, batch, d)
	if len(b.base) == 0 {
		return Verdict{}
	}
	// At first each key counts for itself. Whose sponsor is out is looked at
	// once it is known which removals stand.
	v := Verdict{Holds: b.judgeAll(b.isFresh)}
	for more := true; more; {
		holds := b.judgeAll(b.held)
		v.Holds = append(v.Holds, holds...)
		more = len(holds) > 0
	}
	v.Held = slices.SortedFunc(maps.Keys(b.held), RecordHash.Compare)
	v.Vouched = b.vouched()
	return v
}

// brake is one run of Brake.
type brake struct {
	set     *RecordSet // with the batch
	d       Decisions
	base    map[ID]bool         // members before
	fresh   []Record            // revocations of the batch that nobody approved
	isFresh map[RecordHash]bool // their names
	held    map[RecordHash]bool // of these, so far
	leaves  map[ID]bool         // keys that revoke themselves
}

func newBrake(before *RecordSet, batch []Record, d Decisions) *brake {
	b := &brake{
		set: before.Clone(), d: d, base: before.members(d),
		isFresh: map[RecordHash]bool{}, held: map[RecordHash]bool{}, leaves: map[ID]bool{},
	}
	added, _ := b.set.Add(batch...) // whoever adds the batch for good hears of errors
	for _, r := range added {
		if r.Kind() == Revoke && !d.Approved[r.hash] {
			b.fresh = append(b.fresh, r)
			b.isFresh[r.hash] = true
		}
	}
	for _, r := range b.set.records {
		if body, ok := r.body.(RevokeBody); ok && body.Subject == r.id {
			b.leaves[r.id] = true
		}
	}
	return b
}

// judgeAll holds what goes too far, by the parties there are without some
// revocations of the batch.
func (b *brake) judgeAll(without map[RecordHash]bool) []Hold {
	var holds []Hold
	for _, p := range b.parties(without) {
		if h, hold := b.judge(p); hold {
			holds = append(holds, h)
			mark(&b.held, h.Records)
		}
	}
	return holds
}

// vouched are the revocations by members that keep something and are not held.
func (b *brake) vouched() []RecordHash {
	var hashes []RecordHash
	for _, r := range b.fresh {
		body, ok := r.body.(RevokeBody)
		if ok && len(body.Keeps) > 0 && b.base[r.id] && !b.held[r.hash] {
			hashes = append(hashes, r.hash)
		}
	}
	slices.SortFunc(hashes, RecordHash.Compare)
	return hashes
}

// judge returns what to hold of a party, if it goes too far.
func (b *brake) judge(p party) (Hold, bool) {
	h := Hold{Issuer: p.leader}
	for _, r := range b.fresh {
		if body, ok := r.body.(RevokeBody); ok && p.keys[r.id] && !b.held[r.hash] {
			h.Records = append(h.Records, r.hash)
			h.Subjects = append(h.Subjects, body.Subject)
		}
	}
	if len(h.Records) == 0 {
		return Hold{}, false
	}
	without, with := b.members(p.keys, false), b.members(p.keys, true)
	for id := range without {
		if p.owing[id] {
			continue
		}
		h.Members++
		if !with[id] && !b.leaves[id] {
			h.Loses = append(h.Loses, id)
		}
	}
	slices.SortFunc(h.Records, RecordHash.Compare)
	slices.SortFunc(h.Loses, ID.Compare)
	slices.SortFunc(h.Subjects, ID.Compare)
	h.Subjects = slices.Compact(h.Subjects)
	return h, 2*len(h.Loses) > h.Members
}

// members returns who would belong to the mesh with all revocations that keys
// ever signed, or with none, but for approved ones. The batch's others are left
// out: two that try the same must not hide each other.
func (b *brake) members(keys map[ID]bool, with bool) map[ID]bool {
	d := b.d
	d.Held, d.Vouched = map[RecordHash]bool{}, maps.Clone(b.d.Vouched)
	for _, h := range b.set.sorted {
		r := b.set.records[h]
		if r.Kind() != Revoke {
			continue
		}
		held := b.d.Held[h] || b.isFresh[h]
		if keys[r.id] {
			held = !with
		}
		d.Held[h] = held
		if b.base[r.id] {
			mark(&d.Vouched, []RecordHash{h})
		}
	}
	return b.set.members(d)
}

// members returns whom Fold would make members.
func (s *RecordSet) members(d Decisions) map[ID]bool {
	f := newFold(s, d)
	f.judge()
	f.reach()
	maps.DeleteFunc(f.reached, func(id ID, _ bool) bool { return f.out[id] })
	return f.reached
}
