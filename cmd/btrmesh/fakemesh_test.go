package main

import (
	"context"
	"time"

	"btrmesh/mesh/control"
)

// ids of the samples' appliances, in the form of certs.ID.
const (
	idA = "QH3T6YP0000000000000000000000000000000000000000000000000"
	idB = "Z4MDK7Q0000000000000000000000000000000000000000000000000"
	idC = "8VNB2RT0000000000000000000000000000000000000000000000000"
)

func sampleAppliances() []control.Appliance {
	return []control.Appliance{
		{Name: "nas-a", ID: idA, Self: true, State: control.Online, Address: "192.168.1.10", Version: "0.1.0", LastSeenAt: sampleTime, Sends: 3, Receives: 1},
		{
			Name: "nas-b", ID: idB, State: control.Online, Address: "192.168.1.11", RTTSeconds: new(0.0004), Version: "0.1.0", LastSeenAt: before(time.Second),
			ClockOffsetSeconds: new(0.02), PairedAt: time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC), Sends: 1, Receives: 2,
		},
		{
			Name: "nas-c", ID: idC, State: control.Offline, Address: "203.0.113.7", Version: "0.1.0", LastSeenAt: before(192 * time.Minute),
			ClockOffsetSeconds: new(0.31), PairedAt: time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC), Receives: 1,
		},
	}
}

func (f *fake) pools(ctx context.Context, r control.PoolsRequest) ([]control.Pool, error) {
	list := []control.Pool{{
		Appliance: "nas-a", Self: true, Name: "tank", Path: "/mnt2/tank", SizeBytes: size(7.3, tib), FreeBytes: size(3.9, tib), Profile: "raid1",
		ReceivesFrom: []control.Grant{{Appliance: "nas-b"}}, Replicas: 1,
	}}
	if r.All {
		list = append(list, control.Pool{
			Appliance: "nas-b", Name: "tank", Path: "/mnt2/tank", SizeBytes: size(7.3, tib), FreeBytes: size(2.1, tib), Profile: "raid1",
			ReceivesFrom: []control.Grant{{Appliance: "nas-a", QuotaBytes: size(2, tib)}}, Replicas: 2,
		})
		control.NoteSilence(ctx, control.Silence{Appliance: "nas-c", Reason: "offline"})
	}
	switch {
	case r.On == "nas-b":
		return samplePools()[1:2], nil
	case r.On != "":
		return nil, errorRow(r.On)
	}
	return list, nil
}

func (f *fake) shares(ctx context.Context, r control.SharesRequest) ([]control.Share, error) {
	if r.On == "nobody" {
		return nil, nil
	}
	if r.All {
		return allShares(ctx), nil
	}
	share := func(name string, referenced float64, snapshots int64, lag *float64, to ...control.ShareTarget) control.Share {
		return control.Share{Appliance: "nas-a", Name: name, Pool: "tank", Path: "/mnt2/tank/" + name, ReferencedBytes: size(referenced, gib), Snapshots: snapshots, WorstLagSeconds: lag, ReplicatesTo: to}
	}
	return []control.Share{
		share("photos", 64, 3, new(13200.0), control.ShareTarget{Appliance: "nas-b", Task: "photos-nas-b", State: control.StateOK}, control.ShareTarget{Appliance: "nas-c", Task: "photos-nas-c", State: control.StateLate}),
		share("vm", 210.4, 2, new(3960.0), control.ShareTarget{Appliance: "nas-b", Task: "vm-nas-b", State: control.StateSending}),
		share("tmp", 3.1, 0, nil),
	}, nil
}

func (f *fake) replicas(context.Context, control.ReplicasRequest) ([]control.Replica, error) {
	vm := vmProgress()
	vm.State = control.StateReceiving
	return []control.Replica{
		{Name: "photos@nas-a", Task: "photos-nas-b", Source: "nas-a", Share: "photos", Pool: "tank", EverySeconds: 300, LastReceivedAt: before(124 * time.Second), LagSeconds: new(124.0), State: control.StateOK},
		{Name: "vm@nas-a", Task: "vm-nas-b", Source: "nas-a", Share: "vm", Pool: "tank", EverySeconds: 3600, LastReceivedAt: before(59 * time.Minute), LagSeconds: new(3960.0), State: control.StateReceiving, Progress: &vm},
	}, nil
}

func (f *fake) received(_ context.Context, r control.ReceiveHistory) ([]control.Receipt, error) {
	if err := errorRow(r.Replica); err != nil {
		return nil, err
	}
	return []control.Receipt{{
		Number: 411, Replica: r.Replica, Task: "vm-nas-b", Source: "nas-a", Snapshot: "20261123T090000Z",
		StartedAt: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), ReceivedAt: time.Date(2026, 11, 23, 9, 7, 12, 0, time.UTC), TookSeconds: new(432.0),
		Kind: "incremental", WrittenBytes: *size(41, gib), DataBytes: *size(26.9, gib), MetaBytes: 19 << 10, BytesPerSecond: new(float64(97 * mib)), Result: control.ResultOK,
	}}, nil
}

func (f *fake) status(ctx context.Context, r control.StatusRequest) (control.Status, error) {
	if err := errorRow(r.Appliance); err != nil {
		return control.Status{}, err
	}
	st := control.Status{
		Node:       control.Node{Appliance: "nas-a", ID: idA, Version: "0.1.0", UptimeSeconds: 146 * 3600, Port: 7945, ServiceOn: true},
		Appliances: sampleAppliances(),
		Receive:    []control.Replica{{Name: "docs@nas-b", Source: "nas-b", Share: "docs", Pool: "tank", LagSeconds: new(251.0), State: control.StateOK}},
	}
	if r.Appliance == "fresh" {
		return control.Status{Node: st.Node, Appliances: st.Appliances[:1]}, nil
	}
	st.Send = sampleTasks()[:3]
	st.Warnings = []control.Warning{{
		Level: control.Degraded, Text: "nas-c is offline since 3h12m; photos-nas-c is late (lag 3h40m, frequency 3600s).", Hints: []string{"btrmesh ping nas-c"},
	}}
	switch r.Appliance {
	case "nas-c":
		st.Warnings[0].Level = control.Critical
	case "mesh":
		return meshStatus(ctx, st), nil
	case "held":
		st.Warnings = []control.Warning{sampleHeld().Warning()}
	case "clone":
		st.Warnings = []control.Warning{control.Twin{Appliance: "nas-a", Self: true, Addresses: []string{"192.168.1.50:7945"}}.Warning()}
	}
	return st, ctx.Err()
}

func (f *fake) invite(_ context.Context, r control.CreateInvite) (control.Invite, error) {
	if err := errorRow(r.ReceiveInto); err != nil {
		return control.Invite{}, err
	}
	i := sampleInvite(1)
	i.Code, i.ReceiveInto = "bm1-QH3T6YP23456789ABCDEFGHJKMNPQRSTVWXYZ23456789ABCDEFGHJKMNPQRSTV", r.ReceiveInto
	if r.ReceiveInto == "patience" { // nobody comes
		i.Number = 3
	}
	if r.TTLSeconds > 0 { // the waiting ends by itself
		i.Number, i.ExpiresAt = 2, i.CreatedAt.Add(time.Duration(r.TTLSeconds)*time.Second)
	}
	return i, nil
}

func sampleInvite(number uint64) control.Invite {
	return control.Invite{
		Number: number, Appliance: "nas-a", ApplianceID: idA, Address: "192.168.1.10", CreatedAt: sampleTime, ExpiresAt: sampleTime.Add(15 * time.Minute),
		ReceiveInto: "tank", State: control.OpenInvite,
	}
}

func (f *fake) invites(context.Context, control.InvitesRequest) ([]control.Invite, error) {
	limited := sampleInvite(2)
	limited.QuotaBytes = size(2, tib)
	limited.UsedBy = &control.Joiner{ID: idB}
	return []control.Invite{sampleInvite(1), limited}, nil
}

func (f *fake) followInvite(ctx context.Context, r control.InviteRequest, send func(control.Invite) error) error {
	i := sampleInvite(r.Number)
	if err := send(i); err != nil {
		return err
	}
	switch r.Number {
	case 2:
		i.State = control.ExpiredInvite
	case 3:
		<-ctx.Done()
		return ctx.Err()
	default:
		i.State, i.UsedBy = control.UsedInvite, &control.Joiner{Name: "nas-b", ID: idB, Address: "192.168.1.11"}
	}
	return send(i)
}

func (f *fake) revokeInvite(_ context.Context, r control.InviteRequest) (control.Invite, error) {
	if r.Number > 2 {
		return control.Invite{}, control.InviteNotFound(r.Number)
	}
	i := sampleInvite(r.Number)
	i.State = control.RevokedInvite
	return i, nil
}

func (f *fake) join(_ context.Context, r control.JoinMesh) (control.Joined, error) {
	if err := errorRow(r.Code); err != nil {
		return control.Joined{}, err
	}
	return control.Joined{
		Inviter: "nas-a", InviterID: idA, Address: r.Address + ":7945", ClockOffsetSeconds: new(-0.02), Self: "nas-b",
		Appliances: []string{"nas-a", "nas-b", "nas-c"}, MayWriteInto: "tank", MayReceiveInto: r.ReceiveInto, Pools: []string{"tank"},
	}, nil
}
