package state

import (
	"fmt"
	"time"

	"btrmesh/certs"
)

// Appliance is what a node remembers about itself: one record.
type Appliance struct {
	ID         certs.ID  `cbor:"1,keyasint,omitzero"` // whose state this is; the caller refuses another's
	Name       string    `cbor:"2,keyasint,omitzero"`
	Instance   [16]byte  `cbor:"3,keyasint,omitzero"` // random, made with the store: tells a cloned disk
	Boots      uint64    `cbor:"4,keyasint,omitzero"` // starts of the daemon so far
	ServiceOff bool      `cbor:"5,keyasint,omitzero"` // the replication service, on by default
	Created    time.Time `cbor:"6,keyasint,omitzero"`
	Twin       Twin      `cbor:"7,keyasint,omitzero"`
	Given      string    `cbor:"8,keyasint,omitzero"` // name it was started with last; Name may be another since
}

// Twin is another machine that was heard to use this appliance's key: a copied
// disk. The zero value: none was.
type Twin struct {
	Instance  [16]byte  `cbor:"1,keyasint,omitzero"` // of its state
	Addresses []string  `cbor:"2,keyasint,omitzero"`
	Heard     time.Time `cbor:"3,keyasint,omitzero"`
	Settled   bool      `cbor:"4,keyasint,omitzero"` // a person said that this machine is the one
}

// Appliance returns the record, false before the first PutAppliance.
func (tx *Tx) Appliance() (Appliance, bool, error) {
	return get[Appliance](tx, applianceKey())
}

// PutAppliance replaces the record. It fails without an ID.
func (tx *Tx) PutAppliance(a Appliance) error {
	if a.ID.IsZero() {
		return fmt.Errorf("put appliance: no ID")
	}
	return tx.put(applianceKey(), a)
}
