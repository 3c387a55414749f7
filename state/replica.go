package state

import (
	"fmt"
	"time"

	"btrmesh/btrfs"
	"btrmesh/certs"
)

// Replica is the entry of one replica in this appliance's index. What is on the
// pool decides; the index can be rebuilt from it.
type Replica struct {
	Source           certs.ID   `cbor:"1,keyasint,omitzero"`
	Share            string     `cbor:"2,keyasint,omitzero"` // its name on the source
	Pool             btrfs.UUID `cbor:"3,keyasint,omitzero"` // here
	PoolName         string     `cbor:"4,keyasint,omitzero"`
	Task             string     `cbor:"5,keyasint,omitzero"` // of the source
	EverySeconds     uint32     `cbor:"6,keyasint,omitzero"` // as the source said; 0: unknown
	Path             string     `cbor:"7,keyasint,omitzero"` // of its directory on the pool
	FreshAt          time.Time  `cbor:"8,keyasint,omitzero"` // newest moment committed, as the source said
	LastReceived     time.Time  `cbor:"9,keyasint,omitzero"`
	LastRun          uint64     `cbor:"10,keyasint,omitzero"`
	Snapshot         btrfs.UUID `cbor:"11,keyasint,omitzero"` // the newest one's, on the source
	StreamBytesTotal int64      `cbor:"12,keyasint,omitzero"` // received by all runs so far
}

// Replica returns the entry, false if there is none.
func (tx *Tx) Replica(source certs.ID, pool btrfs.UUID, share string) (Replica, bool, error) {
	return get[Replica](tx, replicaKey(source, pool, share))
}

// PutReplica adds r or replaces that of the same source, pool and share. It
// fails without all three.
func (tx *Tx) PutReplica(r Replica) error {
	if r.Source.IsZero() || r.Pool.IsZero() {
		return fmt.Errorf("put replica of %q: no source or pool", r.Share)
	}
	if err := checkShare(r.Share); err != nil {
		return fmt.Errorf("put replica: %w", err)
	}
	return tx.put(replicaKey(r.Source, r.Pool, r.Share), r)
}

// Replicas returns all entries by source, pool and share; see Tx for corrupt
// ones.
func (tx *Tx) Replicas() ([]Replica, error) { return list[Replica](tx, []byte{kindReplica}) }

// DeleteReplica removes the entry, never the replica. One not there is no error.
func (tx *Tx) DeleteReplica(source certs.ID, pool btrfs.UUID, share string) error {
	return tx.drop(replicaKey(source, pool, share))
}
