package certs

import (
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
)

// RecordSet is a union of verified records of one mesh. The order in which they
// came leaves no trace, unless a limit was hit. Of the descriptions of one
// appliance it holds the newest alone.
//
// A key is known once it is the founder's or the subject of an admission by a
// known key, removed or not. Records by unknown keys wait outside of the set,
// where they are neither counted, found, nor passed on, until an admission makes
// their issuer known. There is little room for them, and the oldest give way:
// what is lost so comes again from whoever has it in its set.
//
// Methods that only read may run at the same time, Add not beside any other.
type RecordSet struct {
	mesh    MeshID
	founder ID
	records map[RecordHash]Record
	sorted  []RecordHash
	newest  map[ID]RecordHash // the description of each appliance
	known   map[ID]bool
	usage   map[ID]usage
	bytes   int
	waiting []Record // by unknown keys, oldest first
}

// NewRecordSet returns an empty set for one mesh. With the zero MeshID it
// becomes the set of the first genesis added to it.
func NewRecordSet(mesh MeshID) *RecordSet {
	return &RecordSet{
		mesh:    mesh,
		records: map[RecordHash]Record{},
		newest:  map[ID]RecordHash{},
		known:   map[ID]bool{},
		usage:   map[ID]usage{},
	}
}

// Clone returns a set of its own with the same records.
func (s *RecordSet) Clone() *RecordSet {
	c := *s
	c.records, c.newest = maps.Clone(s.records), maps.Clone(s.newest)
	c.known, c.usage = maps.Clone(s.known), maps.Clone(s.usage)
	c.sorted, c.waiting = slices.Clone(s.sorted), slices.Clone(s.waiting)
	return &c
}

// Mesh is the mesh of the set; zero before it has one.
func (s *RecordSet) Mesh() MeshID { return s.mesh }

// Founder is the founder of the mesh; zero before the genesis is in the set.
func (s *RecordSet) Founder() ID { return s.founder }

// Len is the number of records in the set.
func (s *RecordSet) Len() int { return len(s.sorted) }

// Size is the sum of their bytes.
func (s *RecordSet) Size() int { return s.bytes }

// Knows reports whether id is the founder or was ever admitted by a known key.
// It may be removed since.
func (s *RecordSet) Knows(id ID) bool { return s.known[id] }

// Has reports whether the record is in the set.
func (s *RecordSet) Has(hash RecordHash) bool {
	_, ok := s.records[hash]
	return ok
}

// HasBytes reports whether raw is, but for its signatures, a record of the set. It
// verifies nothing.
func (s *RecordSet) HasBytes(raw []byte) bool {
	e, err := openEnvelope(raw)
	return err == nil && s.Has(e.hash())
}

// Get returns a record of the set.
func (s *RecordSet) Get(hash RecordHash) (Record, bool) {
	r, ok := s.records[hash]
	return r, ok
}

// Hashes returns the names of all records, ascending; the caller owns them.
func (s *RecordSet) Hashes() []RecordHash { return slices.Clone(s.sorted) }

// Digest is the same for two sets exactly if they hold the same records:
// SHA-256("btrmesh/records/v1\0" ‖ hashes, ascending).
func (s *RecordSet) Digest() [32]byte {
	h := sha256.New()
	h.Write([]byte("btrmesh/records/v1\x00"))
	for i := range s.sorted {
		h.Write(s.sorted[i][:])
	}
	return [32]byte(h.Sum(nil))
}

// Missing returns those of theirs that are not in the set, in their order.
func (s *RecordSet) Missing(theirs []RecordHash) []RecordHash {
	var missing []RecordHash
	for _, h := range theirs {
		if !s.Has(h) {
			missing = append(missing, h)
		}
	}
	return missing
}

// All returns the records in an order good to send: each after the records that
// make its issuer known, and descriptions last.
func (s *RecordSet) All() []Record { return s.Without(nil) }

// Without returns the records that are not among theirs, in the order of All.
func (s *RecordSet) Without(theirs []RecordHash) []Record {
	skip := make(map[RecordHash]bool, len(theirs))
	for _, h := range theirs {
		skip[h] = true
	}
	all := make([]Record, 0, len(s.sorted))
	for _, r := range s.inOrder() {
		if !skip[r.hash] {
			all = append(all, r)
		}
	}
	return all
}

// AddBytes verifies and adds records as they were received. Those in the set
// already cost no verification. Added and error are as of [RecordSet.Add]; bad
// records are left out and named in the error, which may join several.
func (s *RecordSet) AddBytes(raws ...[]byte) (added []Record, err error) {
	records := make([]Record, 0, len(raws))
	var bad []error
	for _, raw := range raws {
		if s.HasBytes(raw) {
			continue
		}
		r, err := ParseRecord(raw)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		records = append(records, r)
	}
	added, err = s.Add(records...)
	return added, errors.Join(errors.Join(bad...), err)
}
