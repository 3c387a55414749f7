package certs

import "strconv"

// RecordKind says what a record states. The numbers are signed and final. Kinds
// not listed are of a later version: kept and passed on, never applied.
type RecordKind uint8

// The kinds of records.
const (
	Genesis  RecordKind = 1 // the founder makes the mesh
	Admit    RecordKind = 2 // a member lets a key in, which consents
	Revoke   RecordKind = 3 // a key is out, for ever
	Describe RecordKind = 4 // an appliance about itself; the newest counts
)

// String names the kind in one lower-case word, or by its number.
func (k RecordKind) String() string {
	switch k {
	case Genesis:
		return "genesis"
	case Admit:
		return "admit"
	case Revoke:
		return "revoke"
	case Describe:
		return "describe"
	default:
		return "kind-" + strconv.Itoa(int(k))
	}
}

// Reason is why an appliance was taken out: information for people, no rule
// looks at it. The numbers are signed and final.
type Reason uint8

// The reasons of a removal.
const (
	Left        Reason = 1 // by its own word
	Removed     Reason = 2 // no longer wanted
	Lost        Reason = 3 // stolen or gone
	Compromised Reason = 4 // somebody else may hold its key
)

// String names the reason in one lower-case word, or by its number.
func (r Reason) String() string {
	switch r {
	case Left:
		return "left"
	case Removed:
		return "removed"
	case Lost:
		return "lost"
	case Compromised:
		return "compromised"
	default:
		return "reason-" + strconv.Itoa(int(r))
	}
}
