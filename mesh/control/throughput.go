package control

// Throughput is what lanes to an appliance carry. The request is an
// ApplianceRequest; it takes some seconds and loads the line.
type Throughput struct {
	Appliance string           `json:"appliance"`
	ID        string           `json:"id"`
	Lanes     []LaneThroughput `json:"lanes"`  // one of each kind
	Use       string           `json:"use"`    // the kind that the next run begins with
	Reason    string           `json:"reason"` // why that; empty before a run has found out
}

// LaneThroughput is what one lane of a kind carried.
type LaneThroughput struct {
	Kind           string  `json:"kind"` // quic or tcp
	Bytes          int64   `json:"bytes"`
	BytesPerSecond int64   `json:"bytes_per_second"`
	Seconds        float64 `json:"seconds"`
	RTTSeconds     float64 `json:"rtt_seconds,omitempty"`
	LossPercent    float64 `json:"loss_percent"` // of the packets
	Congestion     string  `json:"congestion,omitempty"`
	Error          string  `json:"error,omitempty"` // why there is none
}
