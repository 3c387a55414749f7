package state

import (
	"fmt"
	"time"

	"btrmesh/btrfs"
	"btrmesh/certs"
)

// Grant lets one peer write replicas into one pool here. There is one for each
// peer and pool.
type Grant struct {
	Peer       certs.ID      `cbor:"1,keyasint,omitzero"`
	Pool       btrfs.UUID    `cbor:"2,keyasint,omitzero"`
	PoolName   string        `cbor:"3,keyasint,omitzero"`
	QuotaBytes uint64        `cbor:"4,keyasint,omitzero"` // 0: none
	Shares     []string      `cbor:"5,keyasint,omitzero"` // empty: all
	MinKeep    time.Duration `cbor:"6,keyasint,omitzero"` // how long each snapshot stays at least, 0: no promise
	Given      time.Time     `cbor:"7,keyasint,omitzero"`
}

// Grant returns what peer may do in pool, false if nothing.
func (tx *Tx) Grant(peer certs.ID, pool btrfs.UUID) (Grant, bool, error) {
	if pool.IsZero() {
		return Grant{}, false, nil
	}
	return get[Grant](tx, grantKey(peer, pool))
}

// PutGrant adds g or replaces that of the same peer and pool. It fails without
// both.
func (tx *Tx) PutGrant(g Grant) error {
	if g.Peer.IsZero() || g.Pool.IsZero() {
		return fmt.Errorf("put grant for pool %q: no peer or pool", g.PoolName)
	}
	return tx.put(grantKey(g.Peer, g.Pool), g)
}

// Grants returns all grants by peer, then pool; see Tx for corrupt ones.
func (tx *Tx) Grants() ([]Grant, error) { return list[Grant](tx, []byte{kindGrant}) }

// GrantsTo returns the grants to peer, by pool; see Tx for corrupt ones.
func (tx *Tx) GrantsTo(peer certs.ID) ([]Grant, error) {
	return list[Grant](tx, grantKey(peer, btrfs.UUID{}))
}

// DeleteGrant takes the permission away. A grant not there is no error.
func (tx *Tx) DeleteGrant(peer certs.ID, pool btrfs.UUID) error {
	return tx.drop(grantKey(peer, pool))
}
