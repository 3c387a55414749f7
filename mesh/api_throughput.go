package mesh

import (
	"context"
	"time"

	"btrmesh/mesh/control"
	"btrmesh/stream"
)

const (
	measureFor     = 2 * time.Second  // on each kind of lane
	measureTimeout = 30 * time.Second // of all kinds
)

// throughput measures what a lane of each kind carries to an appliance, one
// after the other.
func (a api) throughput(ctx context.Context, req control.ApplianceRequest) (control.Throughput, error) {
	p, err := a.peerMeant(req.Appliance)
	if err != nil {
		return control.Throughput{}, err
	}
	if p.ID == a.me {
		return control.Throughput{}, control.SelfTarget(a.name())
	}
	ctx, cancel := context.WithTimeout(ctx, measureTimeout)
	defer cancel()
	if _, err := a.net.Ping(ctx, p.ID); err != nil {
		return control.Throughput{}, explainer{here: a.name(), there: p.Name}.explain(err)
	}
	result := control.Throughput{Appliance: p.Name, ID: p.ID.String()}
	for _, kind := range []stream.LaneKind{stream.LaneQUIC, stream.LaneTCP} {
		t, err := a.net.Measure(ctx, p.ID, kind, measureFor, a.limits.peer(p.ID))
		result.Lanes = append(result.Lanes, laneThroughput(kind, t, err))
	}
	kind, why := a.net.LanesTo(p.ID)
	result.Use, result.Reason = kind.String(), why
	return result, nil
}

func laneThroughput(kind stream.LaneKind, t stream.Throughput, err error) control.LaneThroughput {
	if err != nil {
		return control.LaneThroughput{Kind: kind.String(), Error: err.Error()}
	}
	return control.LaneThroughput{
		Kind: kind.String(), Bytes: t.Bytes, BytesPerSecond: t.PerSecond(), Seconds: t.Took.Seconds(),
		RTTSeconds: t.RTT.Seconds(), LossPercent: 100 * t.Loss(), Congestion: t.Congestion,
	}
}
