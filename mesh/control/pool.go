package control

import "time"

// Pool is one btrfs file system of an appliance.
type Pool struct {
	Appliance    string    `json:"appliance"`
	Self         bool      `json:"self,omitempty"` // it is on this appliance
	Name         string    `json:"pool"`
	UUID         string    `json:"uuid,omitempty"`
	Path         string    `json:"path,omitempty"` // where it is mounted; empty when it is not
	SizeBytes    *int64    `json:"size_bytes,omitempty"`
	FreeBytes    *int64    `json:"free_bytes,omitempty"`
	Profile      string    `json:"profile,omitempty"` // of the data block groups: single, raid1, …
	ReceivesFrom []Grant   `json:"receives_from,omitempty"`
	Replicas     int64     `json:"replicas"`
	AsOf         time.Time `json:"as_of,omitzero"` // when it was so; zero: now
}

// Grant is a target's permission for one appliance to write into one pool.
type Grant struct {
	Appliance      string    `json:"appliance"`
	QuotaBytes     *int64    `json:"quota_bytes,omitempty"` // nil: no limit
	UsedBytes      *int64    `json:"used_bytes,omitempty"`
	Shares         []string  `json:"shares,omitempty"` // empty: all
	MinKeepSeconds *int64    `json:"min_keep_seconds,omitempty"`
	GivenAt        time.Time `json:"given_at,omitzero"`
}

// PoolsRequest asks for pools: this appliance's, those of On, or All.
type PoolsRequest struct {
	On  string `query:"on"`
	All bool   `query:"all"`
}

// AllowPool asks to let an appliance write into a pool here, in place of the
// grant it may have.
type AllowPool struct {
	Pool           string   `json:"-" path:"pool"`
	Appliance      string   `json:"appliance"`
	QuotaBytes     int64    `json:"quota_bytes,omitempty"` // 0: none
	Shares         []string `json:"shares,omitempty"`      // empty: all
	MinKeepSeconds int64    `json:"min_keep_seconds,omitempty"`
	Dry
}

// DenyPool asks to withdraw an appliance's grant; what it is sending into the
// pool ends at once, its replicas stay.
type DenyPool struct {
	Pool      string `json:"-" path:"pool"`
	Appliance string `json:"appliance"`
	Dry
}

// GrantChange answers AllowPool and DenyPool with names in full; or, for a dry
// run, with the plan alone.
type GrantChange struct {
	Pool        string `json:"pool,omitempty"`
	Appliance   string `json:"appliance,omitempty"`
	Grant       *Grant `json:"grant,omitempty"` // nil after DenyPool
	StoppedRuns int64  `json:"stopped_runs,omitempty"`
	Replicas    int64  `json:"replicas,omitempty"` // of that appliance in the pool
	Unchanged   bool   `json:"unchanged,omitempty"`
	Plan        *Plan  `json:"plan,omitempty"`
}
