package stream

import (
	"fmt"

	"btrmesh/certs"
)

// LanePolicy says which lanes the runs towards a peer may use. The zero value
// leaves the choice to what is measured.
type LanePolicy uint8

// The policies.
const (
	LanesAuto LanePolicy = 0 // QUIC, and TCP where that carries more or takes less processor time
	LanesQUIC LanePolicy = 1 // QUIC alone
	LanesTCP  LanePolicy = 2 // TCP alone; a run fails where that is not to be had
)

// ParseLanePolicy reads auto, quic or tcp.
func ParseLanePolicy(text string) (LanePolicy, error) {
	for _, p := range []LanePolicy{LanesAuto, LanesQUIC, LanesTCP} {
		if text == p.String() {
			return p, nil
		}
	}
	return LanesAuto, fmt.Errorf("lanes %q: say auto, quic or tcp", text)
}

// String is the text that ParseLanePolicy reads.
func (p LanePolicy) String() string {
	switch p {
	case LanesQUIC:
		return "quic"
	case LanesTCP:
		return "tcp"
	default:
		return "auto"
	}
}

// lanePolicy is what the engine says about lanes towards peer.
func (e *Endpoint) lanePolicy(peer certs.ID) LanePolicy {
	if e.c.LanePolicy == nil {
		return LanesAuto
	}
	return e.c.LanePolicy(peer)
}
