package state

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"btrmesh/btrfs"
	"btrmesh/certs"
)

// Invite is one invitation of this appliance. Ended ones stay, so that a second
// use can be told what happened to the first.
type Invite struct {
	Number      uint64         `cbor:"1,keyasint,omitzero"` // for people; see NextInvite
	ID          [5]byte        `cbor:"2,keyasint,omitzero"`
	Key         certs.ProofKey `cbor:"3,keyasint,omitzero"` // zero: wiped
	Created     time.Time      `cbor:"4,keyasint,omitzero"`
	Expires     time.Time      `cbor:"5,keyasint,omitzero"`
	BootID      string         `cbor:"6,keyasint,omitzero"` // of the boot it was created in
	TriesLeft   uint8          `cbor:"7,keyasint,omitzero"`
	Bound       certs.ID       `cbor:"8,keyasint,omitzero"` // who used it; zero: nobody yet
	BoundAt     time.Time      `cbor:"9,keyasint,omitzero"`
	BoundFrom   string         `cbor:"10,keyasint,omitzero"` // address
	ReceiveInto btrfs.UUID     `cbor:"11,keyasint,omitzero"` // pool granted to the joiner; zero: none
	ReceivePool string         `cbor:"12,keyasint,omitzero"` // its name
	QuotaBytes  uint64         `cbor:"13,keyasint,omitzero"` // of that grant; 0: none
	Admission   []byte         `cbor:"14,keyasint,omitzero"` // made for Bound, without its consent
}

// WipeKey makes the invite useless, when it has expired or was cancelled: the
// key alone would be enough to redeem it. The file that held the old value keeps
// the bytes until Badger compacts it.
func (i *Invite) WipeKey() { i.Key = certs.ProofKey{} }

// Invite returns the invite of that number, false if there is none.
func (tx *Tx) Invite(number uint64) (Invite, bool, error) {
	return get[Invite](tx, inviteKey(number))
}

// InviteByID returns the invite with the id that is part of its code, the newest
// should there be several, false if there is none.
func (tx *Tx) InviteByID(id [5]byte) (Invite, bool, error) {
	all, err := tx.Invites()
	for _, invite := range slices.Backward(all) {
		if invite.ID == id {
			return invite, true, nil
		}
	}
	return Invite{}, false, err
}

// NextInvite returns the number for the next invite: 1, then one more than the
// highest there is.
func (tx *Tx) NextInvite() uint64 {
	keys := tx.keys([]byte{kindInvite})
	if len(keys) == 0 {
		return 1
	}
	return binary.BigEndian.Uint64(keys[len(keys)-1][1:]) + 1
}

// PutInvite adds i or replaces that of its number. It fails without a number.
func (tx *Tx) PutInvite(i Invite) error {
	if i.Number == 0 {
		return errors.New("put invite: no number")
	}
	return tx.put(inviteKey(i.Number), i)
}

// Invites returns all invites by number; see Tx for corrupt ones.
func (tx *Tx) Invites() ([]Invite, error) { return list[Invite](tx, []byte{kindInvite}) }
