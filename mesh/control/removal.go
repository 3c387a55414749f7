package control

import (
	"fmt"
	"strings"
	"time"
)

// Reason says why an appliance was removed.
type Reason string

// The reasons, as the membership records have them.
const (
	ReasonLeft        Reason = "left" // it removed itself
	ReasonRemoved     Reason = "removed"
	ReasonLost        Reason = "lost" // it may be in foreign hands
	ReasonCompromised Reason = "compromised"
)

// Removal is how an appliance came to be no member any more.
type Removal struct {
	By     string    `json:"by"` // the first who removed it
	At     time.Time `json:"at,omitzero"`
	Reason Reason    `json:"reason"`
	Kept   bool      `json:"kept,omitempty"` // it is a member here all the same
}

// HeldRemoval is what one appliance would remove at once, more than half of the
// mesh. It has no effect here until a person approves it (RemoveAppliance) or
// refuses it (KeepAppliance), subject by subject.
type HeldRemoval struct {
	By       string    `json:"by"`
	Subjects []string  `json:"subjects"` // not decided yet
	Members  int64     `json:"members"`  // of the mesh before it
	Since    time.Time `json:"since,omitzero"`
}

// RemoveAppliance asks to remove an appliance from the mesh for good, or this
// one to leave it. Members that it admitted stay, but for those of Also.
// Removals of it by others that are held here become approved.
type RemoveAppliance struct {
	Appliance string   `json:"-" path:"appliance"`
	Lost      bool     `json:"lost,omitempty"` // it may be in foreign hands
	Also      []string `json:"also,omitempty"`
	Dry
}

// KeepAppliance asks to ignore here whatever others decide about an appliance:
// it stays a member, and removals of it that are held are refused. Of this
// appliance itself it says that this machine is the real one of two with the
// same key.
type KeepAppliance struct {
	Appliance string `json:"-" path:"appliance"`
	Dry
}

// MemberChange answers RemoveAppliance and KeepAppliance; for a dry run only
// Plan counts.
type MemberChange struct {
	Appliance   string   `json:"appliance,omitempty"`
	ID          string   `json:"id,omitempty"`
	Self        bool     `json:"self,omitempty"`
	Also        []string `json:"also,omitempty"` // removed with it
	Stay        []string `json:"stay,omitempty"` // admitted by it, and members still
	StoppedRuns int64    `json:"stopped_runs,omitempty"`
	Decided     []string `json:"decided,omitempty"` // whose held removals were approved or refused by this
	Twin        bool     `json:"twin,omitempty"`    // the question of two machines with one key is settled
	Unchanged   bool     `json:"unchanged,omitempty"`
	Plan        *Plan    `json:"plan,omitempty"`
}

// RemovalPreview is what removing an appliance would mean.
type RemovalPreview struct {
	Appliance string   `json:"appliance"`
	ID        string   `json:"id"`
	Self      bool     `json:"self,omitempty"`     // this appliance would leave
	Admitted  []string `json:"admitted,omitempty"` // members because of it, that stay
	Also      []string `json:"also,omitempty"`     // members because of it, that go too
	Members   []string `json:"members"`            // who is left, this one included unless it leaves
	Tasks     []string `json:"tasks,omitempty"`    // here, that would have no target any more
	Replicas  []string `json:"replicas,omitempty"` // here, of its shares
	Held      []string `json:"held,omitempty"`     // whose held removals of it would be approved
}

// maxHinted bounds the subjects of a hold that have hints of their own.
const maxHinted = 4

// Warning tells an operator of h and how to decide.
func (h HeldRemoval) Warning() Warning {
	w := Warning{Level: Degraded, Text: h.text()}
	for _, name := range h.Subjects[:min(len(h.Subjects), maxHinted)] {
		w.Hints = append(w.Hints, "sudo btrmesh appliance keep "+name+"  # it stays", "sudo btrmesh appliance remove "+name+"  # it goes")
	}
	w.Hints = append(w.Hints, "sudo btrmesh appliance remove "+h.By+"  # it is "+h.By+" that is not to be trusted")
	return w
}

// text says what is held.
func (h HeldRemoval) text() string {
	return fmt.Sprintf("%s removes %d of %s at once: %s. That is held here until you decide.",
		h.By, len(h.Subjects), Count(h.Members, "appliance"), strings.Join(h.Subjects, ", "))
}
