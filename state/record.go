package state

import (
	"errors"
	"fmt"
	"time"

	"btrmesh/certs"
)

// Record is one signed membership record, as it was received. What it says and
// whether it is true is not looked at here.
type Record struct {
	Hash [32]byte `cbor:"1,keyasint,omitzero"`
	Raw  []byte   `cbor:"2,keyasint,omitzero"`
}

// PutRecord adds r or replaces that of its hash. It fails without a hash.
func (tx *Tx) PutRecord(r Record) error {
	if r.Hash == [32]byte{} {
		return errors.New("put membership record: no hash")
	}
	return tx.put(recordKey(r.Hash), r)
}

// Records returns all membership records by hash; see Tx for corrupt ones.
func (tx *Tx) Records() ([]Record, error) { return list[Record](tx, []byte{kindRecord}) }

// DeleteRecord forgets a record. One not there is no error.
func (tx *Tx) DeleteRecord(hash [32]byte) error { return tx.drop(recordKey(hash)) }

// Verdict is what a person decided here about another appliance, against what
// the records say.
type Verdict uint8

// The verdicts. They are stored: a number never changes its meaning.
const (
	Keep   Verdict = 1 // a member here, whoever removed it
	Remove Verdict = 2 // no member here, whoever admitted it
)

// Decision is a Verdict that holds on this appliance alone.
type Decision struct {
	Subject certs.ID  `cbor:"1,keyasint,omitzero"`
	Verdict Verdict   `cbor:"2,keyasint,omitzero"`
	At      time.Time `cbor:"3,keyasint,omitzero"`
}

// PutDecision adds d or replaces that on its subject. It fails without one.
func (tx *Tx) PutDecision(d Decision) error {
	if d.Subject.IsZero() {
		return fmt.Errorf("put decision %d: no subject", d.Verdict)
	}
	return tx.put(decisionKey(d.Subject), d)
}

// Decisions returns all decisions by subject; see Tx for corrupt ones.
func (tx *Tx) Decisions() ([]Decision, error) { return list[Decision](tx, []byte{kindDecision}) }

// DeleteDecision takes a decision back. One not there is no error.
func (tx *Tx) DeleteDecision(subject certs.ID) error { return tx.drop(decisionKey(subject)) }

// Standing is what counts of a removal on this appliance.
type Standing uint8

// The standings. They are stored: a number never changes its meaning.
const (
	Held     Standing = 1 // it waits for a person
	Approved Standing = 2 // a person stands behind it
	Vouched  Standing = 3 // it came from a member
)

// Hold is the standing of one removal, by the record that states it.
type Hold struct {
	Hash     [32]byte  `cbor:"1,keyasint,omitzero"` // of the record
	Standing Standing  `cbor:"2,keyasint,omitzero"`
	At       time.Time `cbor:"3,keyasint,omitzero"`
}

// PutHold adds h or replaces that of its record. It fails without a hash.
func (tx *Tx) PutHold(h Hold) error {
	if h.Hash == [32]byte{} {
		return errors.New("put hold: no hash")
	}
	return tx.put(holdKey(h.Hash), h)
}

// Holds returns all holds by hash; see Tx for corrupt ones.
func (tx *Tx) Holds() ([]Hold, error) { return list[Hold](tx, []byte{kindHold}) }

// DeleteHold forgets a standing. One not there is no error.
func (tx *Tx) DeleteHold(hash [32]byte) error { return tx.drop(holdKey(hash)) }
