package mesh

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"btrmesh/certs"
	"btrmesh/mesh/control"
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
	pools         *pools
	conn          net.PacketConn // the UDP port
	control       net.Listener   // nil: no local API
	streamVersion uint32         // newest send stream of this kernel
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
	peers         *peers
	runs          *runs
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
		cfg: cfg, log: cfg.Log, me: p.identity.ID(), store: p.store, pools: p.pools, socket: p.control,
		peers: newPeers(), runs: &runs{live: map[runKey]*run{}}, wake: make(chan struct{}, 1),
		streamVersion: p.streamVersion, started: time.Now(), port: portOf(p.conn.LocalAddr()),
		listenHost: hostOf(cfg.Listen), joinRate: rate.NewLimiter(1, inviteTries),
	}
	endpoint, err := stream.Listen(stream.Config{
		Identity: p.identity, Conn: p.conn, Name: n.name, Version: cfg.Version,
		Member: n.isMember, Records: noRecords{}, Pairing: n.isPairing, Addresses: n.addresses, Handler: n, Log: cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	n.net = endpoint
	n.pools.ready = n.settlePool
	n.control = control.NewServer(control.Options{Appliance: n.name, Now: time.Now, Log: cfg.Log})
	n.routes()
	return n, nil
}

// run serves until ctx is done. It ends when everything it started has ended.
func (n *Node) run(ctx context.Context) error {
	if err := n.recover(); err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	if err := n.pools.scan(ctx); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return n.net.Run(ctx) })
	g.Go(func() error { return n.pools.watch(ctx) })
	g.Go(func() error { return n.watchPeers(ctx) })
	g.Go(func() error { return n.schedule(ctx) })
	if n.socket != nil {
		g.Go(func() error { return n.control.Serve(ctx, n.socket) })
	}
	if n.cfg.Ready != nil {
		n.cfg.Ready(fmt.Sprintf("%s is up", n.name()))
	}
	if err := g.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// wakeUp makes the schedule look again, because something changed.
func (n *Node) wakeUp() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// name is what this appliance is called.
func (n *Node) name() string { return n.cfg.Name }

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
