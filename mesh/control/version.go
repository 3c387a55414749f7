package control

import "time"

// Version is what a program is made of.
type Version struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Protocol int64  `json:"protocol"` // of the mesh
}

// VersionRequest asks for the daemon's version.
type VersionRequest struct{}

// VersionsRequest asks every appliance for its version.
type VersionsRequest struct{}

// ApplianceVersion is what an appliance runs; what is not known of it is empty.
type ApplianceVersion struct {
	Appliance     string    `json:"appliance"`
	Self          bool      `json:"self,omitempty"`
	State         string    `json:"state"` // Online or Offline
	Version       string    `json:"version,omitempty"`
	Protocol      int64     `json:"protocol,omitempty"`       // newest it speaks
	LeastProtocol int64     `json:"least_protocol,omitempty"` // oldest it speaks
	AsOf          time.Time `json:"as_of,omitzero"`           // when it was so; zero: now
}
