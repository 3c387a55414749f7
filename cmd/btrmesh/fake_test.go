package main

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"btrmesh/mesh/control"
)

// fake is a daemon with canned answers: the mesh of the documented screens, as
// nas-a sees it. Names that begin with "row-" make it answer an error.
type fake struct {
	clock  atomic.Int64 // Unix seconds
	access control.Access
}

// sampleTime is when the documented screens were taken.
var sampleTime = time.Date(2026, 11, 23, 10, 6, 23, 0, time.UTC)

// The sizes of the samples.
const (
	mib = int64(1 << 20)
	gib = int64(1 << 30)
	tib = int64(1 << 40)
)

// size returns x units of bytes.
func size(x float64, unit int64) *int64 { return new(int64(x * float64(unit))) }

// before is a moment some seconds before sampleTime.
func before(d time.Duration) time.Time { return sampleTime.Add(-d) }

// newFake serves on a socket until ctx is done.
func newFake(ctx context.Context, socket string, access control.Access) (*fake, <-chan error) {
	f := &fake{access: access}
	f.clock.Store(sampleTime.Unix())
	s := control.NewServer(control.Options{
		Appliance: func() string { return "nas-a" },
		Now:       func() time.Time { return time.Unix(f.clock.Load(), 0) },
		Log:       slog.New(slog.DiscardHandler),
		Authorize: func(control.Peer) control.Access { return f.access },
		Socket:    socket,
	})
	f.register(s)
	done := make(chan error, 1)
	l, err := control.Listen(ctx, socket)
	if err != nil {
		done <- err
		return f, done
	}
	go func() { done <- s.Serve(ctx, l) }()
	return f, done
}

// register makes the fake answer every route.
func (f *fake) register(s *control.Server) {
	control.Handle(s, control.RouteStatus, f.status)
	control.Handle(s, control.RouteVersion, func(context.Context, control.VersionRequest) (control.Version, error) {
		return control.Version{Version: "0.1.0", Go: "go1.26", Protocol: 1}, nil
	})
	control.Handle(s, control.RouteVersions, f.versions)
	control.Handle(s, control.RouteService, f.service)
	control.Handle(s, control.RouteInvite, f.invite)
	control.Handle(s, control.RouteInvites, f.invites)
	control.HandleStream(s, control.RouteInviteFollow, f.followInvite)
	control.Handle(s, control.RouteInviteRevoke, f.revokeInvite)
	control.Handle(s, control.RouteJoin, f.join)
	control.Handle(s, control.RouteDiscover, f.discover)
	control.Handle(s, control.RouteAppliances, f.appliances)
	control.Handle(s, control.RouteAppliance, f.appliance)
	control.Handle(s, control.RouteApplianceRename, f.rename)
	control.Handle(s, control.RouteApplianceAddress, f.changeAddress)
	control.Handle(s, control.RouteApplianceLanes, f.lanes)
	control.Handle(s, control.RouteApplianceLimit, f.limit)
	control.Handle(s, control.RouteApplianceRemove, f.remove)
	control.Handle(s, control.RouteApplianceKeep, f.keep)
	control.Handle(s, control.RoutePing, f.ping)
	control.Handle(s, control.RouteThroughput, f.throughput)
	control.Handle(s, control.RoutePools, f.pools)
	control.Handle(s, control.RoutePoolAllow, f.allow)
	control.Handle(s, control.RoutePoolDeny, f.deny)
	control.Handle(s, control.RouteShares, f.shares)
	control.Handle(s, control.RouteTasks, f.tasks)
	control.Handle(s, control.RouteTask, f.task)
	control.Handle(s, control.RouteTaskAdd, f.addTask)
	control.Handle(s, control.RouteTaskEdit, f.edit)
	control.Handle(s, control.RouteTaskEnable, f.enable)
	control.Handle(s, control.RouteTaskDisable, f.disable)
	control.Handle(s, control.RouteTaskRun, f.run)
	control.Handle(s, control.RouteTaskCancel, f.cancel)
	control.Handle(s, control.RouteTaskHistory, f.history)
	control.HandleStream(s, control.RouteRunFollow, f.follow)
	control.Handle(s, control.RouteReplicas, f.replicas)
	control.Handle(s, control.RouteReceiveHistory, f.received)
	control.Handle(s, control.RouteHistory, f.allHistory)
}

// errorRow returns the error that a name asks for.
func errorRow(name string) error {
	day := time.Date(2026, 11, 23, 9, 41, 0, 0, time.UTC)
	nas := []control.Attempt{{Address: "192.168.1.11:7945", Outcome: "timeout 5s"}, {Address: "10.0.0.11:7945", Outcome: "refused"}}
	rows := map[string]*control.Error{
		"4":  control.ShareNotFound("photo", "nas-a", "photos"),
		"5":  control.NotASubvolume("/mnt2/tank/music"),
		"6":  control.NotBtrfs("/srv/data", "ext4", []string{"/mnt2/tank"}),
		"7":  control.ApplianceNotFound("nas-d", []string{"nas-a", "nas-b"}),
		"8":  control.PoolNotFound("nas-b", "tank2", []control.Pool{{Name: "tank", FreeBytes: size(2.1, tib)}}),
		"9":  control.NotGranted("nas-b", "nas-a", "tank"),
		"10": control.QuotaExceeded("nas-a", "nas-b", "tank", *size(1.98, tib), 2*tib, 64*gib),
		"13": control.TaskExists("photos", "nas-b", "tank", "photos-nas-b", time.Date(2026, 11, 11, 0, 0, 0, 0, time.UTC)),
		"15": control.TaskDisabled("photos-nas-b"),
		"16": control.InviteExpired("nas-a", 4*time.Minute),
		"17": control.InviteUsed("Z4MDK7Q", day, "192.168.1.11"),
		"18": control.InviteMismatch("192.168.1.10", "77KM3XA", "QH3T6YP"),
		"19": control.OtherMesh("nas-b", 3, "nas-a"),
		"20": control.NameTaken("nas-b"),
		"21": control.PeerUnreachable("nas-b", nas),
		"22": control.PeerRemoved("nas-c", "nas-b", time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)),
		"23": control.ServiceOff("nas-b", false),
		"24": control.ProtocolMismatch("nas-c", 1, 2),
		"25": control.NoSpace("nas-b", "tank", *size(40.1, gib), 64*gib, 5),
		"26": control.NoCommonSnapshot("photos-nas-b", "nas-b", 64*gib),
		"27": control.ReplicaModified("photos@nas-a", "nas-b", "nas-a", "photos-nas-b"),
		"28": control.ReplicaPromoted("photos@nas-a", "nas-b", "nas-a", time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), 300),
		"30": control.SelfTarget("nas-a"),

		"held":     control.RemovalHeld(sampleHeld()),
		"clone":    control.ClonedIdentity("nas-a", []string{"192.168.1.50:7945"}),
		"admitted": control.NotAdmitted("nas-b", "nas-c", []string{"nas-d"}),
		"address":  control.AddressNotFound("nas-b", "10.0.0.9:7945", []string{"10.0.0.11:7945"}),
		"form":     control.BadAddress("10.0.0"),
		"alone":    control.DiscoverFailed("no network interface is up that has an address and multicast"),
	}
	number, ok := strings.CutPrefix(name, "row-")
	if e := rows[number]; ok && e != nil {
		return e
	}
	return nil
}

func (f *fake) service(_ context.Context, r control.SetService) (control.ServiceChange, error) {
	if r.DryRun {
		return control.ServiceChange{Plan: &control.Plan{Would: "switch the replication service off"}}, nil
	}
	if r.On {
		return control.ServiceChange{On: true}, nil
	}
	if r.Now {
		return control.ServiceChange{CancelledRuns: 2}, nil
	}
	return control.ServiceChange{RunningRuns: 1}, nil
}

func (f *fake) allow(_ context.Context, r control.AllowPool) (control.GrantChange, error) {
	if err := errorRow(r.Appliance); err != nil {
		return control.GrantChange{}, err
	}
	if r.DryRun {
		return control.GrantChange{Plan: &control.Plan{Would: "let nas-b write into tank"}}, nil
	}
	g := &control.Grant{Appliance: r.Appliance, Shares: r.Shares}
	if r.QuotaBytes > 0 {
		g.QuotaBytes = &r.QuotaBytes
	}
	if r.MinKeepSeconds > 0 {
		g.MinKeepSeconds = &r.MinKeepSeconds
	}
	return control.GrantChange{Pool: r.Pool, Appliance: r.Appliance, Grant: g}, nil
}

func (f *fake) deny(_ context.Context, r control.DenyPool) (control.GrantChange, error) {
	if r.DryRun {
		return control.GrantChange{Plan: &control.Plan{Would: "no longer let nas-b write into tank"}}, nil
	}
	return control.GrantChange{Pool: r.Pool, Appliance: r.Appliance, Unchanged: r.Appliance == "nas-c", StoppedRuns: 1, Replicas: 2}, nil
}
