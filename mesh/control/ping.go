package control

// Ping is one question to an appliance and back. The request is an
// ApplianceRequest; an appliance that does not answer is a PeerUnreachable
// error.
type Ping struct {
	Appliance  string  `json:"appliance"`
	ID         string  `json:"id"`
	Address    string  `json:"address"`             // with the port
	Transport  string  `json:"transport,omitempty"` // UDP or TCP
	RTTSeconds float64 `json:"rtt_seconds"`
}
