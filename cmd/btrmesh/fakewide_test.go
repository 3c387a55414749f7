package main

import (
	"context"
	"strings"
	"time"

	"btrmesh/mesh/control"
)

// samplePools are those of the mesh; nas-c did not answer.
func samplePools() []control.Pool {
	return []control.Pool{
		{Appliance: "nas-a", Self: true, Name: "tank", SizeBytes: size(7.3, tib), FreeBytes: size(3.9, tib), Profile: "raid1", Replicas: 1},
		{Appliance: "nas-b", Name: "tank", SizeBytes: size(7.3, tib), FreeBytes: size(2.1, tib), Profile: "raid1", Replicas: 2},
		{Appliance: "nas-c", Name: "vault", SizeBytes: size(3.6, tib), FreeBytes: size(0.4, tib), Profile: "single", Replicas: 1, AsOf: before(192 * time.Second)},
	}
}

// meshStatus is st with what other appliances told.
func meshStatus(ctx context.Context, st control.Status) control.Status {
	st.Pools = samplePools()
	st.MeshTasks = []control.MeshTask{
		{Appliance: "nas-b", Task: control.Task{
			Name: "docs-nas-a", Share: "docs", Pool: "tank", Target: "nas-a", TargetPool: "tank", EverySeconds: 300, Enabled: true, LagSeconds: new(251.0), State: control.StateOK,
		}},
		{Appliance: "nas-c", AsOf: before(192 * time.Second), Task: control.Task{
			Name: "mail-nas-b", Share: "mail", Pool: "vault", Target: "nas-b", TargetPool: "tank", EverySeconds: 3600, Enabled: true, LagSeconds: new(4000.0),
			State: control.StateLate, Reason: "nas-b is full",
		}},
	}
	control.NoteSilence(ctx, control.Silence{Appliance: "nas-d", Reason: "offline"})
	control.NoteSilence(ctx, control.Silence{Appliance: "nas-c", Reason: "no answer within 2s", AsOf: before(192 * time.Second)})
	return st
}

// allShares are those of the mesh.
func allShares(ctx context.Context) []control.Share {
	control.NoteSilence(ctx, control.Silence{Appliance: "nas-c", Reason: "no answer within 2s", AsOf: before(192 * time.Second)})
	return []control.Share{
		{Appliance: "nas-a", Self: true, Name: "photos", Pool: "tank", ReferencedBytes: size(64, gib), Snapshots: 3, WorstLagSeconds: new(13200.0), ReplicatesTo: []control.ShareTarget{{Appliance: "nas-b", State: control.StateOK}}},
		{Appliance: "nas-c", Name: "mail", Pool: "vault", ReferencedBytes: size(12, gib), AsOf: before(192 * time.Second)},
	}
}

func (f *fake) versions(ctx context.Context, _ control.VersionsRequest) ([]control.ApplianceVersion, error) {
	control.NoteSilence(ctx, control.Silence{Appliance: "nas-c", Reason: "offline", AsOf: before(192 * time.Minute)})
	return []control.ApplianceVersion{
		{Appliance: "nas-a", Self: true, State: control.Online, Version: "0.1.0", Protocol: 2, LeastProtocol: 1},
		{Appliance: "nas-b", State: control.Online, Version: "0.1.0", Protocol: 2, LeastProtocol: 2},
		{Appliance: "nas-c", State: control.Offline, Version: "0.0.9", Protocol: 1, AsOf: before(192 * time.Minute)},
		{Appliance: "nas-d", State: control.Offline, AsOf: before(192 * time.Minute)},
	}, nil
}

func (f *fake) ping(_ context.Context, r control.ApplianceRequest) (control.Ping, error) {
	if err := errorRow(r.Appliance); err != nil {
		return control.Ping{}, err
	}
	// One that answers every second question.
	if r.Appliance == "flaky" && f.clock.Add(1)%2 == sampleTime.Unix()%2 {
		return control.Ping{}, errorRow("row-21")
	}
	return control.Ping{Appliance: "nas-b", ID: idB, Address: "192.168.1.11:7945", RTTSeconds: 0.0004}, nil
}

func (f *fake) throughput(_ context.Context, r control.ApplianceRequest) (control.Throughput, error) {
	if err := errorRow(r.Appliance); err != nil {
		return control.Throughput{}, err
	}
	return control.Throughput{Appliance: "nas-b", ID: idB, Use: "tcp", Reason: "tcp: carried 3.1 times as much as quic (0.9 % loss)", Lanes: []control.LaneThroughput{
		{Kind: "quic", Bytes: 20 << 20, BytesPerSecond: 10 << 20, Seconds: 2, RTTSeconds: 0.0004, LossPercent: 0.9, Congestion: "reno"},
		{Kind: "tcp", Bytes: 62 << 20, BytesPerSecond: 31 << 20, Seconds: 2, RTTSeconds: 0.0004, LossPercent: 0, Congestion: "bbr"},
	}}, nil
}

func (f *fake) discover(_ context.Context, r control.DiscoverRequest) ([]control.Discovered, error) {
	switch r.TimeoutSeconds {
	case 1:
		return nil, nil
	case 30:
		return nil, errorRow("row-alone")
	}
	return []control.Discovered{
		{Name: "nas-b", ID: idB, Address: "192.168.1.11", Mesh: control.ThisMesh},
		{Name: "nas-x", ID: idD, Address: "192.168.1.77:7946", Mesh: control.AnotherMesh},
		{Name: "nas-y", ID: idC, Address: "192.168.1.78", Mesh: control.NoMesh},
	}, nil
}

func (f *fake) allHistory(ctx context.Context, r control.HistoryRequest) ([]control.HistoryRun, error) {
	if err := errorRow(r.Task); err != nil {
		return nil, err
	}
	at := func(hour int) time.Time { return time.Date(2026, 11, 23, hour, 0, 0, 0, time.UTC) }
	vm := vmProgress()
	list := []control.HistoryRun{
		{Appliance: "nas-a", Self: true, Side: control.SendSide, Number: 412, Task: "vm-nas-b", Share: "vm", Peer: "nas-b", Pool: "tank", StartedAt: at(10), Kind: "incremental", StreamBytes: *size(39.28, gib), DataBytes: *size(25.6, gib), MetaBytes: *size(18.4, 1024), Result: control.ResultRunning, Progress: &vm},
		{Appliance: "nas-a", Self: true, Side: control.ReceiveSide, Number: 31, Task: "docs-nas-a", Share: "docs", Peer: "nas-b", Pool: "tank", Snapshot: "20261123T093000Z", StartedAt: at(9), EndedAt: at(9).Add(12 * time.Second), TookSeconds: new(12.0), Kind: "incremental", StreamBytes: 3 * mib, DataBytes: mib, MetaBytes: 2048, BytesPerSecond: new(float64(mib) / 4), Result: control.ResultOK},
		{Appliance: "nas-a", Self: true, Side: control.SendSide, Number: 7, Task: "photos-nas-c", Share: "photos", Peer: "nas-c", Pool: "vault", StartedAt: at(8), TookSeconds: new(5.0), Result: control.ResultFailed, Reason: "nas-c unreachable", MadeUpBy: 8},
	}
	if r.All {
		control.NoteSilence(ctx, control.Silence{Appliance: "nas-c", Reason: "offline"})
		list = append(list, control.HistoryRun{Appliance: "nas-b", Side: control.SendSide, Number: 31, Task: "docs-nas-a", Share: "docs", Peer: "nas-a", Pool: "tank", StartedAt: at(9), TookSeconds: new(12.0), Kind: "incremental", StreamBytes: 3 * mib, DataBytes: mib, MetaBytes: 2048, Result: control.ResultOK})
	}
	return filterHistory(list, r), nil
}

// filterHistory keeps what was asked for.
func filterHistory(list []control.HistoryRun, r control.HistoryRequest) []control.HistoryRun {
	var kept []control.HistoryRun
	for _, run := range list {
		other := r.Send && run.Side != control.SendSide || r.Receive && run.Side != control.ReceiveSide
		if other || r.Failed && run.Result != control.ResultFailed || !strings.HasPrefix(run.Task, r.Task) || int64(len(kept)) >= r.Limit {
			continue
		}
		kept = append(kept, run)
	}
	return kept
}
