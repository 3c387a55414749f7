package control

import "time"

// The states of an appliance.
const (
	Online  = "online"
	Offline = "offline"
	Removed = "removed"
)

// Appliance is one member of the mesh as this one sees it.
type Appliance struct {
	Name               string    `json:"name"`
	ID                 string    `json:"id"`
	Self               bool      `json:"self,omitempty"`
	State              string    `json:"state"`
	Address            string    `json:"address,omitempty"` // without the port when it is the default one
	RTTSeconds         *float64  `json:"rtt_seconds,omitempty"`
	Version            string    `json:"version,omitempty"`
	LastSeenAt         time.Time `json:"last_seen_at,omitzero"`
	ClockOffsetSeconds *float64  `json:"clock_offset_seconds,omitempty"` // its clock minus ours
	PairedAt           time.Time `json:"paired_at,omitzero"`
	Sends              int64     `json:"sends"`    // tasks from it to here; of this one: its own tasks
	Receives           int64     `json:"receives"` // replicas there of shares here; of this one: replicas here
}

// AppliancesRequest asks for the members; All also for removed ones.
type AppliancesRequest struct {
	All bool `query:"all"`
}
