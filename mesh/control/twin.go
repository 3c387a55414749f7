package control

import (
	"strings"
	"time"
)

// Twin is a second machine that uses the key of an appliance: a copied disk.
type Twin struct {
	Appliance string    `json:"appliance"`
	Self      bool      `json:"self,omitempty"`      // the key is this appliance's
	Addresses []string  `json:"addresses,omitempty"` // of both, or for Self of the other
	HeardAt   time.Time `json:"heard_at,omitzero"`
}

// Warning tells an operator of t. Only about this appliance itself is it
// critical and has it a cure here.
func (t Twin) Warning() Warning {
	if !t.Self {
		return Warning{
			Level: Degraded, Text: "the key of " + t.Appliance + " is used by two machines" + inBrackets(t.Addresses) + ".",
			Hints: []string{"on " + t.Appliance + ": btrmesh status"},
		}
	}
	e := ClonedIdentity(t.Appliance, t.Addresses)
	return Warning{Level: Critical, Text: e.Msg + " To settle it, " + e.Facts[0] + ".", Hints: e.Hints}
}

// inBrackets lists words behind a space, or nothing.
func inBrackets(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}
