package mesh

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"btrmesh/btrfs/btrfstest"
	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
	"btrmesh/test/journal"
)

// fleet is whole nodes on a simulated network, with real QUIC, a real store in
// memory and pools in memory, in one bubble of virtual time. A goroutine left
// behind fails the test by itself.
type fleet struct {
	simnet.PerfectRouter
	t     *testing.T
	nodes []*member
	seas  []*simnet.Simnet // one per address
	delay atomic.Int64     // added to the way of every packet, in nanoseconds

	mu     sync.Mutex
	drop   func(simnet.Packet) bool // nil: nothing is lost
	silent map[string]bool          // by address: nothing goes in or out
}

// member is one appliance of a fleet. It can be stopped and started again; its
// key, store and pool stay.
type member struct {
	*Node
	api
	t        *testing.T
	fleet    *fleet
	name     string
	fake     *btrfstest.Fake
	volume   *volume
	identity *certs.Identity
	store    *state.Store
	mirror   *kept
	conn     net.PacketConn
	log      *diary
	stop     context.CancelFunc
	ended    chan error
	lost     bool          // its database, at some time
	skew     time.Duration // of its wall clock
	listen   string        // address it is configured for; empty: where it is
}

func (f *fleet) SendPacket(p simnet.Packet) error {
	f.mu.Lock()
	drop, silent := f.drop, f.silent[p.From.String()] || f.silent[p.To.String()]
	f.mu.Unlock()
	if silent || drop != nil && drop(p) {
		return nil
	}
	_ = f.PerfectRouter.SendPacket(p) // to nobody: lost
	return nil
}

// lose sets which packets get lost.
func (f *fleet) lose(drop func(simnet.Packet) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop = drop
}

// cut loses every packet between a and b, until lose(nil).
func (f *fleet) cut(a, b *member) {
	f.lose(func(p simnet.Packet) bool {
		return a.sent(p) && b.gets(p) || b.sent(p) && a.gets(p)
	})
}

// silence takes a member off the network, or back.
func (f *fleet) silence(m *member, off bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.silent[m.address()] = off
}

// sail runs test on n nodes that are up and not paired. Afterwards the nodes
// must agree on what happened.
func sail(t *testing.T, n int, test func(*fleet)) {
	t.Helper()
	voyage(t, n, func(f *fleet) {
		test(f)
		f.agree()
	})
}

// voyage is sail without an agreement at the end.
func voyage(t *testing.T, n int, test func(*fleet)) {
	t.Helper()
	t.Parallel()
	alone(t, n, test)
}

// alone is voyage with no other test at the same time, for one that measures the
// memory of the process.
func alone(t *testing.T, n int, test func(*fleet)) {
	t.Helper()
	var keys []*certs.Identity
	for range n {
		id, err := certs.CreateIdentity(filepath.Join(t.TempDir(), keyName))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, id)
	}
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{t: t, silent: map[string]bool{}}
		for i, id := range keys {
			f.nodes = append(f.nodes, f.build(fmt.Sprintf("nas-%c", 'a'+i), id, f.berth(0, i+1)))
		}
		defer f.sink() // also after t.Fatal
		for _, m := range f.nodes {
			m.start()
		}
		test(f)
	})
}

// unraced leaves out, with the race detector, a test that simulates hours or moves
// much: it would show nothing that the others do not. test/run has all of them without it.
func unraced(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("simulates hours or moves much: it runs without the race detector, see test/run")
	}
}

// berth is an address that nobody has yet: 10.0.net.host.
func (f *fleet) berth(net4, host int) net.PacketConn {
	f.t.Helper()
	sea := &simnet.Simnet{Router: f}
	addr := &net.UDPAddr{IP: net.IPv4(10, 0, byte(net4), byte(host)).To4(), Port: DefaultPort}
	conn := sea.NewEndpoint(addr, simnet.NodeBiDiLinkSettings{LatencyFunc: func(simnet.Packet) time.Duration {
		return time.Millisecond + time.Duration(f.delay.Load())
	}})
	if err := sea.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.seas = append(f.seas, sea)
	return conn
}

// sink stops everything.
func (f *fleet) sink() {
	for _, m := range f.nodes {
		m.halt()
		journal.Show(f.t, m.name, m.log.String())
		if err := m.store.Close(); err != nil {
			f.t.Error(err)
		}
	}
	time.Sleep(time.Minute) // packets and timers under way run out
	for _, sea := range f.seas {
		if err := sea.Close(); err != nil {
			f.t.Error(err)
		}
	}
}

func (f *fleet) build(name string, id *certs.Identity, conn net.PacketConn) *member {
	f.t.Helper()
	store, err := state.OpenMemory()
	if err != nil {
		f.t.Fatal(err)
	}
	fake := btrfstest.NewFake("tank")
	return &member{
		t: f.t, fleet: f, name: name, fake: fake, volume: newVolume(fake), identity: id, store: store, conn: conn,
		log: &diary{}, mirror: &kept{},
	}
}

// diary is a log in memory. Safe for concurrent use.
type diary struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(p)
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

// kept is a mirror in memory.
type kept struct {
	mu      sync.Mutex
	records [][]byte
	saved   int // times
}

func (k *kept) Save(records [][]byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.records, k.saved = records, k.saved+1
	return nil
}

func (k *kept) Load() ([][]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.records, nil
}

func (m *member) start() {
	m.t.Helper()
	log := slog.New(slog.NewTextHandler(m.log, nil))
	if err := identify(m.store, m.identity.ID(), m.name, randomInstance); err != nil {
		m.t.Fatal(err)
	}
	pools := newPools([]PoolPath{{Name: "tank", Path: m.fake.Path()}}, log)
	pools.open = m.volume.open
	cfg := Config{Name: m.name, Listen: cmp.Or(m.listen, m.address()), Version: "test", Log: log}
	node, err := newNode(cfg, parts{identity: m.identity, store: m.store, mirror: m.mirror, pools: pools, conn: m.conn, streamVersion: 1, zone: time.UTC, clock: func() time.Time { return time.Now().Add(m.skew) }})
	if err != nil {
		m.t.Fatal(err)
	}
	m.Node, m.api = node, api{node}
	m.fleet.silence(m, false)
	ctx, stop := context.WithCancel(context.Background())
	m.stop, m.ended = stop, make(chan error, 1)
	go func() { m.ended <- node.run(ctx) }()
	synctest.Wait()
}

// fault makes the next call of op fail as a broken disk does.
func fault(op btrfstest.Op) btrfstest.Fault { return btrfstest.Fault{Op: op, Err: syscall.EIO} }

// wantCode checks that err is one an operator reads, with that code.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if e, ok := errors.AsType[*control.Error](err); !ok || e.Code != code {
		t.Errorf("error is %v, want %s", err, code)
	}
}
