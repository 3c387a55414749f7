package control

// Version is what a program is made of.
type Version struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Protocol int64  `json:"protocol"` // of the mesh
}

// VersionRequest asks for the daemon's version.
type VersionRequest struct{}
