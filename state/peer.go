package state

import (
	"fmt"
	"time"

	"btrmesh/certs"
)

// Peer is what is remembered of another appliance, a member or not: how to reach
// it, and when it was there last.
type Peer struct {
	ID          certs.ID  `cbor:"1,keyasint,omitzero"`
	Name        string    `cbor:"2,keyasint,omitzero"`
	Addresses   []string  `cbor:"3,keyasint,omitzero"` // host:port, best first
	Paired      time.Time `cbor:"4,keyasint,omitzero"`
	Instance    [16]byte  `cbor:"5,keyasint,omitzero"` // zero: not heard yet
	Version     string    `cbor:"6,keyasint,omitzero"`
	LastSeen    time.Time `cbor:"7,keyasint,omitzero"`
	LastAddress string    `cbor:"8,keyasint,omitzero"`
	SetByHand   []string  `cbor:"9,keyasint,omitzero"` // host:port

	Lanes      string `cbor:"10,keyasint,omitzero"` // what carries data to it: quic, tcp; empty: whichever is better
	LimitBytes int64  `cbor:"11,keyasint,omitzero"` // per second on the wire to it, of all runs together; 0: none
}

// Peer returns the peer id, false if there is none.
func (tx *Tx) Peer(id certs.ID) (Peer, bool, error) { return get[Peer](tx, peerKey(id)) }

// PutPeer adds p or replaces what has its ID. It fails without an ID.
func (tx *Tx) PutPeer(p Peer) error {
	if p.ID.IsZero() {
		return fmt.Errorf("put peer %q: no ID", p.Name)
	}
	return tx.put(peerKey(p.ID), p)
}

// Peers returns all peers by ID; see Tx for corrupt ones.
func (tx *Tx) Peers() ([]Peer, error) { return list[Peer](tx, []byte{kindPeer}) }

// DeletePeer forgets the peer id, but not its grants. A peer not there is no
// error.
func (tx *Tx) DeletePeer(id certs.ID) error { return tx.drop(peerKey(id)) }
