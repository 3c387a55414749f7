package mesh

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/mesh/gossip"
	"btrmesh/state"
	"btrmesh/stream"
)

// Config is what an appliance is started with.
type Config struct {
	Name     string     // of this appliance; empty: as it was initialised
	StateDir string     // holds identity.key and state/; root's alone
	Socket   string     // path of the unix socket of the local API
	Listen   string     // UDP address and port, such as ":7945"
	Pools    []PoolPath // empty: mounted btrfs file systems with a label
	Discover bool       // announce this appliance on the local network (mDNS)
	Version  string
	Log      *slog.Logger
	Ready    func(status string) // called once when everything is up; nil: nobody asks
}

// parts are the pieces a Node is put together from. Tests give others.
type parts struct {
	identity      *certs.Identity
	store         *state.Store
	mirror        mirror
	pools         *pools
	conn          net.PacketConn // the UDP port
	tcp           net.Listener   // the TCP port of the same number; nil: none
	control       net.Listener   // nil: no local API
	streamVersion uint32         // newest send stream of this kernel
	clock         func() time.Time
	zone          *time.Location // whose clocks the windows of tasks go by
}

// Node is a running appliance.
type Node struct {
	cfg           Config
	log           *slog.Logger
	me            certs.ID
	store         *state.Store
	pools         *pools
	net           *stream.Endpoint
	control       *control.Server
	socket        net.Listener
	identity      *certs.Identity
	members       *members
	peers         *peers
	memory        *memory
	chat          atomic.Pointer[gossip.Gossip] // nil while in no mesh
	clock         func() time.Time
	title         atomic.Pointer[string] // what this appliance is called
	instance      [16]byte               // of this start, random
	boots         uint64
	heardOwn      map[[16]byte]int // under members.turn: see hearOwn
	moved         chan struct{}    // into a mesh, or another one
	look          chan struct{}    // who is there
	urgent        chan struct{}    // a removal or an admission was signed here
	redescribe    chan struct{}    // this appliance
	runs          *runs
	limits        *limits
	zone          *time.Location
	takes         takes
	fanouts       *fanouts
	wake          chan struct{} // the schedule looks again
	steps         stepBoard
	streamVersion uint32
	started       time.Time
	port          uint16
	listenHost    string
	joinRate      *rate.Limiter
}

func newNode(cfg Config, p parts) (*Node, error) {
	n := &Node{
		cfg: cfg, log: cfg.Log, me: p.identity.ID(), identity: p.identity, store: p.store, pools: p.pools, socket: p.control,
		peers: newPeers(), memory: newMemory(), runs: newRuns(), fanouts: newFanouts(cfg.Log),
		limits: newLimits(), zone: p.zone, wake: make(chan struct{}, 1),
		moved: make(chan struct{}, 1), look: make(chan struct{}, 1), urgent: make(chan struct{}, 1), redescribe: make(chan struct{}, 1),
		heardOwn: map[[16]byte]int{}, instance: randomInstance(), clock: p.clock,
		streamVersion: p.streamVersion, started: time.Now(), port: portOf(p.conn.LocalAddr()),
		listenHost: hostOf(cfg.Listen), joinRate: rate.NewLimiter(1, inviteTries),
	}
	if err := n.load(p.mirror); err != nil {
		return nil, err
	}
	endpoint, err := stream.Listen(stream.Config{
		Identity: p.identity, Conn: p.conn, Name: n.name, Version: cfg.Version, Instance: n.instance, Boots: n.boots,
		Member: n.members.is, Removed: n.removed, Refused: n.hearRefusal, Records: n.members, Pairing: n.isPairing, Addresses: n.addresses, Hold: n.hold, LanePolicy: n.lanePolicy,
		Handler: n, TCP: p.tcp, Log: cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	n.net = endpoint
	n.members.changed = n.membershipChanged
	n.pools.ready = n.settlePool
	n.control = control.NewServer(control.Options{Appliance: n.name, Now: time.Now, Log: cfg.Log})
	n.routes()
	return n, nil
}

// load reads who this appliance is and who it is with.
func (n *Node) load(kept mirror) error {
	err := n.store.View(func(tx *state.Tx) error {
		me, _, err := tx.Appliance()
		n.boots = me.Boots
		n.title.Store(&me.Name)
		return errors.Join(err, n.loadLimits(tx))
	})
	if err != nil {
		return err
	}
	n.members, err = loadMembers(n.store, kept, n.me, n.log)
	return err
}

// run serves until ctx is done. It ends when everything it started has ended.
func (n *Node) run(ctx context.Context) error {
	if err := n.recover(); err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	if err := n.pools.scan(ctx); err != nil {
		return err
	}
	n.logMembers(n.log)
	g, ctx := errgroup.WithContext(ctx)
	netCtx, closeNet := context.WithCancel(context.WithoutCancel(ctx))
	g.Go(func() error { return n.net.Run(netCtx) })
	g.Go(func() error {
		defer closeNet() // last, so that the others can say goodbye
		return n.work(ctx)
	})
	if err := g.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// work does all but the network, until ctx is done.
func (n *Node) work(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, part := range []func(context.Context) error{
		n.pools.watch, n.keepDescribed, n.runGossip, n.spreadDecisions, n.watchPeers, n.announce, n.schedule, n.keepTrimmed, n.store.Maintain, n.members.keepMirrored,
	} {
		g.Go(func() error { return part(ctx) })
	}
	if n.socket != nil {
		g.Go(func() error { return n.control.Serve(ctx, n.socket) })
	}
	if n.cfg.Ready != nil {
		n.cfg.Ready(fmt.Sprintf("%s is up", n.name()))
	}
	return g.Wait()
}

// every calls do after each interval until ctx is done, which is no error.
func every(ctx context.Context, interval time.Duration, do func()) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			do()
		}
	}
}

// now is the wall clock: for what people read, and for the life of invites.
func (n *Node) now() time.Time { return n.clock().UTC() }

// wakeUp makes the schedule look again, because something changed.
func (n *Node) wakeUp() { notify(n.wake) }

// name is what this appliance is called.
func (n *Node) name() string { return *n.title.Load() }

// random is for jitter alone.
func (n *Node) random() float64 { return rand.Float64() }

// explainer puts failures of a task into words.
func (n *Node) explainer(t state.Task) explainer {
	e := explainer{here: n.name(), there: t.Target.Short(), task: t}
	err := n.store.View(func(tx *state.Tx) error {
		e.there = n.peerName(tx, t.Target)
		return nil
	})
	if err != nil {
		n.log.Error("peer not named", "err", err)
	}
	return e
}

func hostOf(listen string) string {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return ""
	}
	return host
}

func portOf(a net.Addr) uint16 {
	if udp, ok := a.(*net.UDPAddr); ok {
		return udp.AddrPort().Port()
	}
	return 0
}
