package control

import "time"

// Where an address is known from.
const (
	AddressInUse     = "in use"    // there is a connection to it
	AddressAdded     = "added"     // by hand, here
	AddressAnnounced = "announced" // by the appliance itself
	AddressSeen      = "seen"      // it worked once
)

// Address is one way to an appliance.
type Address struct {
	Address string    `json:"address"` // HOST:PORT
	From    string    `json:"from"`    // one of the Address constants
	SeenAt  time.Time `json:"seen_at,omitzero"`
}

// ChangeAddress asks to try, or no longer to try, an address (HOST or
// HOST:PORT) for an appliance. It is known here only.
type ChangeAddress struct {
	Appliance string `json:"-" path:"appliance"`
	Address   string `json:"address"`
	Remove    bool   `json:"remove,omitempty"`
	Dry
}

// AddressChange answers ChangeAddress; for a dry run only Plan counts.
type AddressChange struct {
	Appliance string    `json:"appliance,omitempty"`
	Address   string    `json:"address,omitempty"` // HOST:PORT
	Removed   bool      `json:"removed,omitempty"`
	Addresses []Address `json:"addresses,omitempty"` // all that are known now
	Unchanged bool      `json:"unchanged,omitempty"`
	Plan      *Plan     `json:"plan,omitempty"`
}
