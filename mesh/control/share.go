package control

import "time"

// Share is one writable subvolume of a pool.
type Share struct {
	Appliance       string        `json:"appliance"`
	Name            string        `json:"share"`
	Pool            string        `json:"pool"`
	Path            string        `json:"path,omitempty"`
	ReferencedBytes *int64        `json:"referenced_bytes,omitempty"`
	Snapshots       int64         `json:"snapshots"` // of ours, kept for sending
	ReplicatesTo    []ShareTarget `json:"replicates_to,omitempty"`
	WorstLagSeconds *float64      `json:"worst_lag_seconds,omitempty"`
	Self            bool          `json:"self,omitempty"` // it is on this appliance
	AsOf            time.Time     `json:"as_of,omitzero"` // when it was so; zero: now
}

// ShareTarget is one place a share is replicated to.
type ShareTarget struct {
	Appliance string `json:"appliance"`
	Task      string `json:"task"`
	State     State  `json:"state"`
}

// SharesRequest asks for shares: this appliance's, those of On, or All.
type SharesRequest struct {
	On  string `query:"on"`
	All bool   `query:"all"`
}
