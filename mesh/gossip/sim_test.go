package gossip

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"btrmesh/certs"
)

// sim is a mesh in memory, for one synctest bubble.
type sim struct {
	t       *testing.T
	latency time.Duration
	ids     []certs.ID // of all that may take part; members unless removed

	mu     sync.Mutex
	nodes  map[certs.ID]*node // that run
	member map[certs.ID]bool
	cut    func(from, to certs.ID) bool          // packets and streams get lost
	delay  func(from, to certs.ID) time.Duration // added to latency
	loss   float64                               // of packets, 0..1
	random *rand.Rand
}

func testID(i int) certs.ID {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte("member"), uint64(i)))
}

func newSim(t *testing.T, size int) *sim {
	t.Helper()
	s := &sim{
		t: t, latency: 5 * time.Millisecond, nodes: make(map[certs.ID]*node), member: make(map[certs.ID]bool),
		random: rand.New(rand.NewPCG(1, uint64(size))),
	}
	for i := range size {
		s.ids = append(s.ids, testID(i))
		s.member[s.ids[i]] = true
	}
	return s
}

// newMesh starts a mesh of size members within a second and stops it at the end
// of the test.
func newMesh(t *testing.T, size int) *sim {
	t.Helper()
	s := newSim(t, size)
	t.Cleanup(s.stopAll)
	for i := range size {
		s.start(i)
		time.Sleep(time.Second / time.Duration(size))
	}
	return s
}

// newConverged is a mesh in which all know each other.
func newConverged(t *testing.T, size int) *sim {
	t.Helper()
	s := newMesh(t, size)
	s.until(time.Minute, s.converged)
	return s
}

func (s *sim) start(i int) *node {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	n := &node{
		sim: s, id: s.ids[i], stop: cancel, ended: make(chan struct{}), ctx: ctx,
		told: make(map[certs.ID][]State),
	}
	n.records = &records{node: n, raw: make(map[string]time.Time)}
	g, err := New(Config{
		Self: n.id, Mesh: [32]byte{1, 2, 3}, Members: n.others, IsMember: s.isMember, Network: n, Records: n.records,
		Changed: n.changed, Log: slog.New(slog.DiscardHandler), Random: s.float,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	n.g = g
	s.mu.Lock()
	s.nodes[n.id] = n
	s.mu.Unlock()
	go func() {
		defer close(n.ended)
		if err := g.Run(ctx); err != nil {
			s.t.Error(err)
		}
	}()
	return n
}

func (s *sim) node(i int) *node { return s.at(s.ids[i]) }

func (s *sim) at(id certs.ID) *node {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodes[id]
}

func (s *sim) all() []*node {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*node
	for _, id := range s.ids {
		if n := s.nodes[id]; n != nil {
			out = append(out, n)
		}
	}
	return out
}

// kill takes nodes from the network at once and ends them unheard, which takes
// Timing.Leave.
func (s *sim) kill(which ...int) {
	var gone []*node
	for _, i := range which {
		gone = append(gone, s.node(i))
	}
	s.mu.Lock()
	for _, n := range gone {
		delete(s.nodes, n.id)
	}
	s.mu.Unlock()
	for _, n := range gone {
		n.stop()
	}
	for _, n := range gone {
		<-n.ended
	}
}

// leave ends a node in order.
func (s *sim) leave(i int) {
	n := s.node(i)
	n.stop()
	<-n.ended
	s.mu.Lock()
	delete(s.nodes, n.id)
	s.mu.Unlock()
}

func (s *sim) stopAll() {
	s.mu.Lock()
	nodes := maps.Clone(s.nodes)
	clear(s.nodes)
	s.mu.Unlock()
	for _, n := range nodes {
		n.stop()
	}
	for _, n := range nodes {
		<-n.ended
	}
	time.Sleep(Linger)
}

func (s *sim) remove(i int) {
	s.mu.Lock()
	s.member[s.ids[i]] = false
	s.mu.Unlock()
	for _, n := range s.all() {
		n.g.Forget(s.ids[i])
	}
}

func (s *sim) setCut(cut func(from, to certs.ID) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = cut
}

func (s *sim) setDelay(delay func(from, to certs.ID) time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = delay
}

func (s *sim) setLoss(loss float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loss = loss
}

func (s *sim) isMember(id certs.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.member[id]
}

func (s *sim) float() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Float64()
}

// way says how long a packet takes, and whether it arrives.
func (s *sim) way(from, to certs.ID) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nodes[from] == nil || s.nodes[to] == nil || s.cut != nil && s.cut(from, to) {
		return 0, false
	}
	d := s.latency
	if s.delay != nil {
		d += s.delay(from, to)
	}
	return d, true
}

func (s *sim) lost() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loss > 0 && s.random.Float64() < s.loss
}

// until waits until cond holds for all pairs of running nodes, and returns how
// long that took.
func (s *sim) until(most time.Duration, cond func(n *node, of certs.ID) bool) time.Duration {
	s.t.Helper()
	return s.wait(most, func() bool {
		for _, n := range s.all() {
			for _, id := range s.ids {
				if id != n.id && !cond(n, id) {
					return false
				}
			}
		}
		return true
	})
}

func (s *sim) wait(most time.Duration, cond func() bool) time.Duration {
	s.t.Helper()
	begin := time.Now()
	for !cond() {
		if time.Since(begin) > most {
			s.t.Fatalf("not so after %s", most)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(begin)
}

// converged: all know that all others answer, and the rest does not.
func (s *sim) converged(n *node, of certs.ID) bool {
	return n.g.Liveness(of).Answers() == (s.at(of) != nil)
}

// spread hands a new record to node i and returns when all have it.
func (s *sim) spread(i int, record string, most time.Duration) time.Duration {
	s.t.Helper()
	s.give(i, record)
	return s.wait(most, func() bool {
		for _, n := range s.all() {
			if !n.records.has(record) {
				return false
			}
		}
		return true
	})
}

// syncs returns how many were begun by all nodes.
func (s *sim) syncs() (n int) {
	for _, node := range s.all() {
		n += int(node.g.Stats().Syncs)
	}
	return n
}

// give hands a new record to node i.
func (s *sim) give(i int, record string) {
	s.t.Helper()
	if err := s.node(i).records.Merge(s.t.Context(), s.ids[i], [][]byte{[]byte(record)}); err != nil {
		s.t.Fatal(err)
	}
}

// inBubble runs f in virtual time.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func (s *sim) readmit(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.member[s.ids[i]] = true
}
