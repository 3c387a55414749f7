package control

// LanesAuto is the choice of what carries data that leaves it to the daemon; the
// others are quic and tcp.
const LanesAuto = "auto"

// SetLanes asks what is to carry data to an appliance: auto, quic or tcp.
type SetLanes struct {
	Appliance string `json:"-" path:"appliance"`
	Lanes     string `json:"lanes"`
	Dry
}

// SetLimit asks to bound what goes from here to an appliance, in bytes per second
// on the wire; 0 is off.
type SetLimit struct {
	Appliance           string `json:"-" path:"appliance"`
	LimitBytesPerSecond int64  `json:"limit_bytes_per_second"`
	Dry
}

// LineChange answers SetLanes and SetLimit: how data goes to an appliance now, or,
// for a dry run, the plan alone.
type LineChange struct {
	Appliance           string `json:"appliance,omitempty"`
	Lanes               string `json:"lanes,omitempty"`
	LimitBytesPerSecond *int64 `json:"limit_bytes_per_second,omitempty"` // nil: off
	Unchanged           bool   `json:"unchanged,omitempty"`
	Runs                int64  `json:"runs,omitempty"` // under way, that it acts on
	Plan                *Plan  `json:"plan,omitempty"`
}
