package certs

import "maps"

// Decisions is what this appliance alone decided about the mesh, by a person or
// by [Brake]. They win over all records, here. A nil map is empty; the zero value
// decides nothing.
type Decisions struct {
	// Keep are keys that stay members whatever the records say, as long as the
	// mesh ever admitted them: no revocation of them counts.
	Keep map[ID]bool
	// Remove are keys that are out, as if revoked. It wins over Keep.
	Remove map[ID]bool
	// Held are revocations that do not count until a person approves.
	Held map[RecordHash]bool
	// Approved are revocations a person stands behind, one's own among them.
	// They are never held, and what they keep stays.
	Approved map[RecordHash]bool
	// Vouched are revocations that came from a member: what they keep stays,
	// although their signer may owe its own place to the removed.
	Vouched map[RecordHash]bool
}

// After returns d with the outcome of [Brake] in it; d stays as it is.
func (d Decisions) After(v Verdict) Decisions {
	d.Held, d.Vouched = maps.Clone(d.Held), maps.Clone(d.Vouched)
	mark(&d.Held, v.Held)
	mark(&d.Vouched, v.Vouched)
	return d
}

// Approve returns d with held revocations approved; d stays as it is.
func (d Decisions) Approve(hashes ...RecordHash) Decisions {
	d.Held, d.Approved = maps.Clone(d.Held), maps.Clone(d.Approved)
	mark(&d.Approved, hashes)
	for _, h := range hashes {
		delete(d.Held, h)
	}
	return d
}

// holds reports whether the revocation does not count.
func (d Decisions) holds(h RecordHash) bool { return d.Held[h] && !d.Approved[h] }

// vouches reports whether what the revocation keeps stays, whoever signed it.
func (d Decisions) vouches(h RecordHash) bool { return d.Approved[h] || d.Vouched[h] }

func mark(m *map[RecordHash]bool, hashes []RecordHash) {
	if *m == nil && len(hashes) > 0 {
		*m = make(map[RecordHash]bool, len(hashes))
	}
	for _, h := range hashes {
		(*m)[h] = true
	}
}
