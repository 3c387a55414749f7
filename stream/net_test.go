package stream

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"btrmesh/certs"
)

// fabric is a simulated network of endpoints. All of it lives in one synctest
// bubble, which fails the test if a goroutine is left behind.
type fabric struct {
	simnet.PerfectRouter
	t     testing.TB
	nodes []*node

	spare net.PacketConn // one more socket, in another network
	tcp   *tcpNet        // nil: there is none

	mu      sync.Mutex
	members map[certs.ID]bool
	removed map[certs.ID]string      // why
	drop    func(simnet.Packet) bool // nil: none
}

// node is one appliance on the fabric.
type node struct {
	*Endpoint
	net     *fabric
	id      certs.ID
	addr    string
	pairing bool
	loose   bool                    // does not hold idle connections
	peers   func(certs.ID) []string // nil: those of the fabric
	stop    context.CancelFunc
	ran     chan error

	answer  func(context.Context, certs.ID, Query) (Answer, error)
	receive func(context.Context, *Inbound)
	packet  func(certs.ID, netip.AddrPort, []byte)
	gossip  func(certs.ID, net.Conn)
	redeem  func(JoinRequest) (JoinAnswer, error)
	confirm func(certs.ID, []byte) error
	records *blobs
}

func (n *node) Answer(ctx context.Context, peer certs.ID, q Query) (Answer, error) {
	return n.answer(ctx, peer, q)
}
func (n *node) Receive(ctx context.Context, in *Inbound)            { n.receive(ctx, in) }
func (n *node) Packet(peer certs.ID, from netip.AddrPort, b []byte) { n.packet(peer, from, b) }
func (n *node) Gossip(_ context.Context, peer certs.ID, conn net.Conn) {
	n.gossip(peer, conn)
}

func (n *node) Redeem(_ context.Context, r JoinRequest) (JoinAnswer, error) {
	return n.redeem(r)
}

func (n *node) Confirm(_ context.Context, joiner certs.ID, consent []byte) error {
	return n.confirm(joiner, consent)
}

func (f *fabric) SendPacket(p simnet.Packet) error {
	f.mu.Lock()
	drop := f.drop
	f.mu.Unlock()
	if drop != nil && drop(p) {
		return nil
	}
	_ = f.PerfectRouter.SendPacket(p) // to nobody: lost
	return nil
}

// counts says whether who counts peer as a member: one that was removed has not
// heard of it, and counts all.
func (f *fabric) counts(who, peer certs.ID) bool {
	_, gone := f.whyRemoved(who)
	return gone || f.member(peer)
}

func (f *fabric) member(id certs.ID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.members[id]
}

func (f *fabric) whyRemoved(id certs.ID) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	why, ok := f.removed[id]
	return why, ok
}

func (f *fabric) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fabric) addresses(id certs.ID) []string {
	for _, n := range f.nodes {
		if n.id == id {
			return []string{n.addr}
		}
	}
	return nil
}

// onNet runs test on a fabric of n mutual members, one-way latency apart.
func onNet(t *testing.T, n int, latency time.Duration, test func(*testing.T, *fabric)) {
	t.Helper()
	simulate(t, n, latency, nil, test)
}

// onBothNets is onNet with TCP beside it.
func onBothNets(t *testing.T, n int, latency time.Duration, test func(*testing.T, *fabric)) {
	t.Helper()
	simulate(t, n, latency, &tcpNet{ports: make(map[string]*tcpPort)}, test)
}

func simulate(t *testing.T, n int, latency time.Duration, tcp *tcpNet, test func(*testing.T, *fabric)) {
	t.Helper()
	ids := make([]*certs.Identity, n)
	for i := range ids {
		ids[i] = identity(t)
	}
	// The smaller ID first, so that tests know who wins crossing dials.
	slices.SortFunc(ids, func(a, b *certs.Identity) int { return a.ID().Compare(b.ID()) })
	synctest.Test(t, func(t *testing.T) {
		f := &fabric{t: t, tcp: tcp, members: make(map[certs.ID]bool), removed: make(map[certs.ID]string)}
		sim := &simnet.Simnet{Router: f}
		for i, id := range ids {
			f.members[id.ID()] = true
			f.attach(id, plug(sim, net.IPv4(10, 0, 0, byte(i+1)), latency))
		}
		f.spare = plug(sim, net.IPv4(10, 7, 0, 1), latency)
		if err := sim.Start(); err != nil {
			t.Fatal(err)
		}
		for _, n := range f.nodes {
			n.run()
		}
		synctest.Wait() // until all serve
		test(t, f)
		for _, n := range f.nodes {
			n.halt()
		}
		for _, n := range f.nodes {
			_ = n.c.Conn.Close()
		}
		_ = f.spare.Close()
		time.Sleep(time.Minute) // let packets and timers under way run out
		if err := sim.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// plug attaches a socket to the network.
func plug(sim *simnet.Simnet, ip net.IP, latency time.Duration) net.PacketConn {
	addr := &net.UDPAddr{IP: ip.To4(), Port: 7945}
	return sim.NewEndpoint(addr, simnet.NodeBiDiLinkSettings{Latency: latency})
}

// copied starts another machine with the key of n, once per fabric.
func (f *fabric) copied(n *node) *node {
	f.t.Helper()
	f.attach(n.c.Identity, f.spare)
	twin := f.nodes[len(f.nodes)-1]
	twin.run()
	return twin
}

func identity(tb testing.TB) *certs.Identity {
	tb.Helper()
	id, err := certs.CreateIdentity(filepath.Join(tb.TempDir(), "identity.key"))
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

func (f *fabric) attach(id *certs.Identity, conn net.PacketConn) {
	f.t.Helper()
	n := &node{net: f, id: id.ID(), addr: conn.LocalAddr().String(), ran: make(chan error, 1), records: newBlobs()}
	name := fmt.Sprintf("nas-%d", len(f.nodes))
	n.answer = func(context.Context, certs.ID, Query) (Answer, error) { return Info{Name: name}.Answer() }
	n.receive = func(context.Context, *Inbound) {}
	n.packet = func(certs.ID, netip.AddrPort, []byte) {}
	n.gossip = func(certs.ID, net.Conn) {}
	c := Config{
		Identity: id, Name: func() string { return name }, Version: "1.0", Conn: conn,
		Member: func(peer certs.ID) bool { return f.counts(id.ID(), peer) }, Removed: f.whyRemoved, Records: n.records, Pairing: func() bool { return n.pairing },
		Addresses: func(id certs.ID) []string {
			if n.peers != nil {
				return n.peers(id)
			}
			return f.addresses(id)
		},
		Instance: [16]byte{byte(len(f.nodes) + 1)}, Boots: 3, Hold: func(certs.ID) bool { return !n.loose },
		Handler: n, Log: slog.New(slog.DiscardHandler),
	}
	if f.tcp != nil {
		c.TCP, c.DialTCP = f.tcp.listen(n.addr), f.tcp.dialler(n.addr)
	}
	var err error
	if n.Endpoint, err = Listen(c); err != nil {
		f.t.Fatal(err)
	}
	f.nodes = append(f.nodes, n)
}

func (n *node) run() {
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	go func() { n.ran <- n.Run(ctx) }()
}

func (n *node) halt() {
	n.net.t.Helper()
	n.stop()
	if err := <-n.ran; err != nil {
		n.net.t.Errorf("run: %v", err)
	}
	n.ran <- nil
}

// keep returns a receiver that stores the stream in buf and commits, and where
// its error goes.
func (n *node) keep(buf *bytes.Buffer) <-chan error {
	result := make(chan error, 16)
	n.receive = func(ctx context.Context, in *Inbound) { result <- receiveAll(ctx, in, buf) }
	return result
}

func receiveAll(ctx context.Context, in *Inbound, w io.Writer) error {
	if err := in.Have(ctx, Have{StreamVersion: 2}); err != nil {
		return err
	}
	if _, err := in.Begin(ctx); err != nil {
		return err
	}
	if err := in.Go(ctx); err != nil {
		return err
	}
	n, err := io.Copy(w, in)
	if err != nil {
		return err
	}
	in.Progress(n)
	return in.Commit(ctx, Committed{Bytes: n})
}

// sendAll runs a whole session from n to peer.
func (n *node) sendAll(ctx context.Context, peer *node, data []byte, b Begin) (Committed, error) {
	out, _, err := n.Offer(ctx, peer.id, testOffer())
	if err != nil {
		return Committed{}, err
	}
	defer out.Close()
	if err := out.Begin(ctx, b); err != nil {
		return Committed{}, err
	}
	if _, err := out.Write(data); err != nil {
		return Committed{}, err
	}
	return out.End(ctx)
}

func testOffer() Offer {
	return Offer{Task: "photos-nas-b", Run: 7, Every: 300, Share: "photos", Pool: "tank", Snapshot: [16]byte{1, 2, 3}, CTransID: 99}
}
