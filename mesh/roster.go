package mesh

import (
	"errors"

	"btrmesh/certs"
	"btrmesh/state"
)

// roster is the membership at one time.
type roster struct {
	set    *certs.RecordSet
	local  certs.Decisions
	digest [32]byte
	fold   certs.Membership
}

// read takes in all records of the store, and says which it could not.
func (r *roster) read(tx *state.Tx) error {
	records, err := tx.Records()
	raw := make([][]byte, 0, len(records))
	for _, rec := range records {
		raw = append(raw, rec.Raw)
	}
	_, bad := r.set.AddBytes(raw...)
	return errors.Join(err, bad)
}

// decide reads what was decided here.
func (r *roster) decide(tx *state.Tx) error {
	decisions, err := tx.Decisions()
	if err != nil {
		return err
	}
	holds, err := tx.Holds()
	if err != nil {
		return err
	}
	r.local = decisionsOf(decisions, holds)
	return nil
}

func decisionsOf(decisions []state.Decision, holds []state.Hold) certs.Decisions {
	d := certs.Decisions{
		Keep: map[certs.ID]bool{}, Remove: map[certs.ID]bool{}, Held: map[certs.RecordHash]bool{},
		Approved: map[certs.RecordHash]bool{}, Vouched: map[certs.RecordHash]bool{},
	}
	for _, one := range decisions {
		d.Keep[one.Subject], d.Remove[one.Subject] = one.Verdict == state.Keep, one.Verdict == state.Remove
	}
	for _, h := range holds {
		d.Held[h.Hash], d.Approved[h.Hash], d.Vouched[h.Hash] = h.Standing == state.Held, h.Standing == state.Approved, h.Standing == state.Vouched
	}
	return d
}

// settle draws the conclusions, after which r is not changed any more.
func (r *roster) settle() { r.digest, r.fold = r.set.Digest(), certs.Fold(r.set, r.local) }

// clone copies r for a change. Decisions are replaced, never changed.
func (r *roster) clone() *roster { return &roster{set: r.set.Clone(), local: r.local} }
