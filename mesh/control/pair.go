package control

import "time"

// The states of an invite.
const (
	OpenInvite    = "open"
	UsedInvite    = "used"
	ExpiredInvite = "expired"
	RevokedInvite = "revoked"
)

// Invite is one invitation to join the mesh. Code is there only in the answer
// that creates it.
type Invite struct {
	Number      uint64    `json:"invite"`
	Appliance   string    `json:"appliance"`    // who invites
	ApplianceID string    `json:"appliance_id"` // its ID, in full
	Code        string    `json:"code,omitempty"`
	Address     string    `json:"address,omitempty"` // for --at, with the port when it is not the default
	CreatedAt   time.Time `json:"created_at"`
	ExpiresAt   time.Time `json:"expires_at"`
	ReceiveInto string    `json:"receive_into,omitempty"` // pool the joiner may write into
	QuotaBytes  *int64    `json:"quota_bytes,omitempty"`
	State       string    `json:"state"`
	UsedBy      *Joiner   `json:"used_by,omitempty"`
}

// Joiner is the appliance that used an invite.
type Joiner struct {
	Name    string    `json:"name"`
	ID      string    `json:"id"`
	Address string    `json:"address,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// CreateInvite asks for an invite. TTLSeconds 0 means 15 minutes; ReceiveInto
// grants the joiner that pool here.
type CreateInvite struct {
	ReceiveInto string `json:"receive_into,omitempty"`
	QuotaBytes  int64  `json:"quota_bytes,omitempty"`
	TTLSeconds  int64  `json:"ttl_seconds,omitempty"`
}

// InvitesRequest asks for the open invites.
type InvitesRequest struct{}

// InviteRequest names one invite.
type InviteRequest struct {
	Number uint64 `json:"-" path:"invite"`
}

// JoinMesh asks to join the mesh of the appliance at Address (HOST or
// HOST:PORT) with an invite's code. The code is a secret: it is never logged.
type JoinMesh struct {
	Code        string `json:"code"`
	Address     string `json:"address"`
	ReceiveInto string `json:"receive_into,omitempty"`
	QuotaBytes  int64  `json:"quota_bytes,omitempty"`
}

// Joined answers JoinMesh.
type Joined struct {
	Inviter            string   `json:"inviter"`
	InviterID          string   `json:"inviter_id"`
	Address            string   `json:"address"` // with the port
	ClockOffsetSeconds *float64 `json:"clock_offset_seconds,omitempty"`
	Self               string   `json:"self"`
	Appliances         []string `json:"appliances"`                 // all members, this one included
	MayWriteInto       string   `json:"may_write_into,omitempty"`   // pool of the inviter granted to this one
	MayReceiveInto     string   `json:"may_receive_into,omitempty"` // pool here granted to the inviter
	Pools              []string `json:"pools,omitempty"`            // pools here
}
