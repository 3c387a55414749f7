package control

// To which mesh an appliance that announces itself belongs.
const (
	ThisMesh    = "this"
	AnotherMesh = "other"
	NoMesh      = "none"
)

// Discovered is an appliance that announces itself on the local network. It is
// a claim: nobody vouches for any of it.
type Discovered struct {
	Name    string `json:"name"`
	ID      string `json:"id"`
	Address string `json:"address"` // without the port when it is the default one
	Mesh    string `json:"mesh"`    // ThisMesh, AnotherMesh or NoMesh
}

// DiscoverRequest asks to listen for announcements for TimeoutSeconds; 0 means
// 3, the most is 30.
type DiscoverRequest struct {
	TimeoutSeconds int64 `query:"timeout_seconds"`
}
