package certs

import (
	"crypto/ed25519"
	"time"
)

// Membership is who belongs to a mesh, as one appliance sees it. It is made by
// [Fold] and read only, by anyone at the same time.
type Membership struct {
	Mesh    MeshID
	Founder ID
	Members map[ID]Member
	// Removed has every key that was ever admitted and is no member, and the
	// members a local decision keeps in spite of a revocation.
	Removed map[ID]Removal
	// Ever has every key that was ever admitted, the founder's included.
	Ever map[ID]bool
}

// Has reports whether id is a member.
func (m Membership) Has(id ID) bool {
	_, ok := m.Members[id]
	return ok
}

// Member is an appliance that belongs to the mesh.
type Member struct {
	ID         ID
	Key        ed25519.PublicKey
	Name       string    // as it calls itself; before it did, as it was admitted
	AdmittedBy ID        // zero: the founder
	Admitted   time.Time // by the clock of who admitted it, UTC
	// Description is the newest word of the member about itself.
	Description    Description
	HasDescription bool
}

// Removal is how a key came to be out.
type Removal struct {
	Name   string    // as it last called itself, or was admitted
	By     []ID      // who signed revocations, earliest first; of Fallen, who admitted it
	Reason Reason    // of the first; 0: none was given
	At     time.Time // of the first, by its issuer's clock; zero: none
	Fallen bool      // not revoked: it was let in by a removed key alone
	Local  bool      // removed by a decision of this appliance
	Kept   bool      // a decision of this appliance keeps it a member
}
