package mesh

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"btrmesh/btrfs/btrfstest"
	"btrmesh/certs"
	"btrmesh/mesh/control"
	"btrmesh/state"
)

// fleet is whole nodes on a simulated network, with real QUIC, a real store in
// memory and pools in memory, in one bubble of virtual time. A goroutine left
// behind fails the test by itself.
type fleet struct {
	simnet.PerfectRouter
	t     *testing.T
	nodes []*member

	mu   sync.Mutex
	drop func(simnet.Packet) bool // nil: nothing is lost
}

// member is one appliance of a fleet. It can be stopped and started again; its
// key, store and pool stay.
type member struct {
	*Node
	api
	t        *testing.T
	name     string
	fake     *btrfstest.Fake
	identity *certs.Identity
	store    *state.Store
	conn     net.PacketConn
	log      *bytes.Buffer
	stop     context.CancelFunc
	ended    chan error
}

func (f *fleet) SendPacket(p simnet.Packet) error {
	f.mu.Lock()
	drop := f.drop
	f.mu.Unlock()
	if drop != nil && drop(p) {
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

// sail runs test on n nodes that are up and not paired.
func sail(t *testing.T, n int, test func(*testing.T, *fleet)) {
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
		f := &fleet{t: t}
		sim := &simnet.Simnet{Router: f}
		for i, id := range keys {
			addr := &net.UDPAddr{IP: net.IPv4(10, 0, 0, byte(i+1)).To4(), Port: DefaultPort}
			f.nodes = append(f.nodes, f.build(fmt.Sprintf("nas-%c", 'a'+i), id, sim.NewEndpoint(addr, simnet.NodeBiDiLinkSettings{Latency: time.Millisecond})))
		}
		if err := sim.Start(); err != nil {
			t.Fatal(err)
		}
		defer f.sink(sim) // also after t.Fatal
		for _, m := range f.nodes {
			m.start()
		}
		test(t, f)
	})
}

// sink stops everything.
func (f *fleet) sink(sim *simnet.Simnet) {
	for _, m := range f.nodes {
		m.halt()
		if err := m.store.Close(); err != nil {
			f.t.Error(err)
		}
	}
	time.Sleep(time.Minute) // packets and timers under way run out
	if err := sim.Close(); err != nil {
		f.t.Error(err)
	}
}

func (f *fleet) build(name string, id *certs.Identity, conn net.PacketConn) *member {
	f.t.Helper()
	store, err := state.OpenMemory()
	if err != nil {
		f.t.Fatal(err)
	}
	return &member{t: f.t, name: name, fake: btrfstest.NewFake("tank"), identity: id, store: store, conn: conn, log: &bytes.Buffer{}}
}

func (m *member) start() {
	m.t.Helper()
	log := slog.New(slog.NewTextHandler(m.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if _, err := identify(m.store, m.identity.ID(), m.name, randomInstance); err != nil {
		m.t.Fatal(err)
	}
	pools := newPools([]PoolPath{{Name: "tank", Path: m.fake.Path()}}, log)
	pools.open = func(at PoolPath) (*Pool, error) {
		return &Pool{Name: at.Name, Path: at.Path, UUID: m.fake.UUID(), Shares: m.fake, Snapshots: m.fake, Replicas: m.fake, Close: m.fake.Close}, nil
	}
	cfg := Config{Name: m.name, Listen: m.conn.LocalAddr().String(), Version: "test", Log: log}
	node, err := newNode(cfg, parts{identity: m.identity, store: m.store, pools: pools, conn: m.conn, streamVersion: 1})
	if err != nil {
		m.t.Fatal(err)
	}
	m.Node, m.api = node, api{node}
	ctx, stop := context.WithCancel(context.Background())
	m.stop, m.ended = stop, make(chan error, 1)
	go func() { m.ended <- node.run(ctx) }()
	synctest.Wait()
}

// halt stops the node and waits for it.
func (m *member) halt() {
	m.t.Helper()
	m.stop()
	if err := <-m.ended; err != nil {
		m.t.Errorf("%s: %v", m.name, err)
	}
	if m.t.Failed() {
		m.t.Logf("log of %s:\n%s", m.name, m.log)
	}
}

// crash is kill -9: the pool keeps what was committed and a partial in staging.
func (m *member) crash() {
	m.fake.Crash()
	m.halt()
}

// meet pairs b with a and lets a write into b's pool.
func meet(a, b *member) {
	a.t.Helper()
	inv, err := a.invite(a.ctx(), control.CreateInvite{})
	if err != nil {
		a.t.Fatal(err)
	}
	_, err = b.api.join(b.ctx(), control.JoinMesh{Code: inv.Code, Address: a.conn.LocalAddr().String(), ReceiveInto: "tank"})
	if err != nil {
		a.t.Fatalf("join: %v", err)
	}
}

func (m *member) ctx() context.Context { return m.t.Context() }

// add adds a task from m to another and returns its name.
func (m *member) add(share string, to *member, every int64) string {
	m.t.Helper()
	change, err := m.addTask(m.ctx(), control.AddTask{Share: share, To: to.name, Pool: "tank", EverySeconds: every})
	if err != nil {
		m.t.Fatalf("add task: %v", err)
	}
	return change.Task.Name
}

// share makes a share with some files.
func (m *member) newShare(name string, files map[string]string) {
	m.t.Helper()
	if err := m.fake.CreateShare(name); err != nil {
		m.t.Fatal(err)
	}
	m.write(name, files)
}

func (m *member) write(share string, files map[string]string) {
	m.t.Helper()
	for name, content := range files {
		if err := m.fake.WriteFile(share, name, []byte(content)); err != nil {
			m.t.Fatal(err)
		}
	}
}

// history returns the runs of a task, oldest first, as "1 full ok".
func (m *member) history(task string) []string {
	m.t.Helper()
	runs, err := m.taskHistory(m.ctx(), control.TaskHistory{Task: task, Limit: 1000})
	if err != nil {
		m.t.Fatal(err)
	}
	var list []string
	for _, r := range runs {
		list = append([]string{outcome(r.Number, r.Kind, r.Result)}, list...)
	}
	return list
}

// received is history as the target saw it.
func (m *member) received(replica string) []string {
	m.t.Helper()
	runs, err := m.receiveHistory(m.ctx(), control.ReceiveHistory{Replica: replica, Limit: 1000})
	if err != nil {
		m.t.Fatal(err)
	}
	var list []string
	for _, r := range runs {
		list = append([]string{outcome(r.Number, r.Kind, r.Result)}, list...)
	}
	return list
}

func outcome(number uint64, kind string, result control.Result) string {
	if kind == "" {
		return fmt.Sprintf("%d %s", number, result)
	}
	return fmt.Sprintf("%d %s %s", number, kind, result)
}

// holds checks that the newest snapshot of a replica on m is what the share on
// source is now.
func (m *member) holds(source *member, share string) {
	m.t.Helper()
	want, err := source.fake.Files(share)
	if err != nil {
		m.t.Fatal(err)
	}
	replica, ok, err := m.fake.Find(m.ctx(), source.identity.ID().String(), share)
	if err != nil || !ok {
		m.t.Fatalf("%s has no replica of %s: %v", m.name, share, err)
	}
	newest := replica.Snapshots[len(replica.Snapshots)-1]
	got, err := m.fake.Files(replica.Path + "/" + newest.Dir + "/data")
	if err != nil {
		m.t.Fatal(err)
	}
	if !maps.Equal(want, got) {
		m.t.Errorf("replica %s@%s on %s holds %v, the share %v", share, source.name, m.name, got, want)
	}
}

// snapshots counts the source snapshots on m.
func (m *member) snapshots() int {
	m.t.Helper()
	all, err := m.fake.Snapshots(m.ctx())
	if err != nil {
		m.t.Fatal(err)
	}
	return len(all)
}
