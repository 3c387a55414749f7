package control

import "time"

// The states of an appliance.
const (
	Online  = "online"
	Offline = "offline"
	Removed = "removed"
)

// What the connection to an appliance goes over: TCP where UDP gets no answer.
const (
	UDP = "udp"
	TCP = "tcp"
)

// Appliance is one member of the mesh as this one sees it. Lists fill it up to
// Removal; one appliance alone (appliance.show) fills the rest.
type Appliance struct {
	Name               string    `json:"name"`
	ID                 string    `json:"id"`
	Self               bool      `json:"self,omitempty"`
	State              string    `json:"state"`
	Address            string    `json:"address,omitempty"`   // without the port when it is the default one
	Transport          string    `json:"transport,omitempty"` // UDP or TCP, while it is online
	RTTSeconds         *float64  `json:"rtt_seconds,omitempty"`
	Version            string    `json:"version,omitempty"`
	LastSeenAt         time.Time `json:"last_seen_at,omitzero"`
	ClockOffsetSeconds *float64  `json:"clock_offset_seconds,omitempty"` // its clock minus ours
	PairedAt           time.Time `json:"paired_at,omitzero"`
	Sends              int64     `json:"sends"`             // tasks from it to here; of this one: its own tasks
	Receives           int64     `json:"receives"`          // replicas there of shares here; of this one: replicas here
	Removal            *Removal  `json:"removal,omitempty"` // nil: nobody removed it

	Protocol   int64     `json:"protocol,omitempty"` // newest it speaks
	ServiceOn  *bool     `json:"service_on,omitempty"`
	Addresses  []Address `json:"addresses,omitempty"`   // where it may be reached, best first
	AdmittedBy string    `json:"admitted_by,omitempty"` // empty: it founded the mesh
	Admitted   []string  `json:"admitted,omitempty"`    // members that it admitted
	MayWrite   []PoolUse `json:"may_write,omitempty"`   // pools here it was granted; of this one: none
	MayReceive []PoolUse `json:"may_receive,omitempty"` // pools there that were granted to this one

	Lanes               string `json:"lanes,omitempty"`                  // what carries data there: auto, quic, tcp; of this one: empty
	LimitBytesPerSecond *int64 `json:"limit_bytes_per_second,omitempty"` // of all that goes there; nil: off
}

// PoolUse is a grant as seen from the appliance that got it.
type PoolUse struct {
	Pool       string `json:"pool"`
	QuotaBytes *int64 `json:"quota_bytes,omitempty"` // nil: no limit
}

// AppliancesRequest asks for the members; All also for removed ones.
type AppliancesRequest struct {
	All bool `query:"all"`
}

// ApplianceRequest names one appliance: by its name, a unique prefix, or its
// ID. One that was removed is found by its name in full or its ID.
type ApplianceRequest struct {
	Appliance string `json:"-" path:"appliance"`
}

// RenameAppliance asks to call this appliance otherwise.
type RenameAppliance struct {
	Name string `json:"name"`
	Dry
}

// Renamed answers RenameAppliance; for a dry run only Plan counts.
type Renamed struct {
	Old       string `json:"old,omitempty"`
	Name      string `json:"name,omitempty"`
	Unchanged bool   `json:"unchanged,omitempty"`
	Plan      *Plan  `json:"plan,omitempty"`
}
