package mesh

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"btrmesh/certs"
	"btrmesh/mesh/control"
)

var (
	stormSeeds = flag.Int("mesh.seeds", 40, "storms to run; a tenth with the race detector")
	stormSeed  = flag.Int("mesh.seed", -1, "the one storm to run")
)

// TestAfterAnyStormTheMeshIsOneAgain does at random what can happen to a mesh, and
// then leaves it alone for a while.
func TestAfterAnyStormTheMeshIsOneAgain(t *testing.T) {
	first, end := 0, *stormSeeds
	if raced {
		end /= 10
	}
	if *stormSeed >= 0 {
		first, end = *stormSeed, *stormSeed+1
	}
	for seed := first; seed < end; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(uint64(seed), 1))
			n := 3 + random.IntN(4)
			if seed%40 == 39 {
				n = 16
			}
			voyage(t, n, func(f *fleet) {
				s := &storm{fleet: f, random: random, cut: map[way]bool{}, granted: map[way][]span{}, strays: map[*member]bool{}, sponsor: map[*member]*member{}}
				s.rage(8 + random.IntN(12))
				s.calm()
				if t.Failed() || testing.Verbose() {
					t.Logf("what happened (again with -mesh.seed=%d): %q", seed, s.log)
				}
			})
		})
	}
}

// storm is one random history of a fleet.
type storm struct {
	*fleet
	random  *rand.Rand
	log     []string
	joined  int              // of nodes, by their order
	strays  map[*member]bool // let in by one that had no place in the mesh
	sponsor map[*member]*member
	odd     bool // somebody holds, keeps, or joined by half: views may differ
	granted map[way][]span
	removed []outcast

	mu  sync.Mutex
	cut map[way]bool
}

// way is from one node to another, by their order.
type way struct{ from, to int }

// span is a time; an open one has no end.
type span struct{ begin, end time.Time }

// outcast is an identity that somebody removed.
type outcast struct {
	by *member
	id certs.ID
}

func (s *storm) note(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf("%s ", time.Now().Format("04:05"))+fmt.Sprintf(format, args...))
}

// rage founds a mesh of some of the nodes and lets things happen.
func (s *storm) rage(steps int) {
	s.lose(s.lost)
	s.join()
	acts := []func(){s.join, s.join, s.part, s.oneWay, s.heal, s.heal, s.crashOne, s.crashOne, s.restartOne, s.removeOne, s.renameOne, s.keepOne, s.allowOne, s.addOne, s.addOne, s.denyOne}
	for range steps {
		acts[s.random.IntN(len(acts))]()
		time.Sleep(time.Duration(s.random.Int64N(int64(15 * time.Second))))
	}
}

// lost tells whether a packet is on a way that is cut.
func (s *storm) lost(p simnet.Packet) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w, yes := range s.cut {
		if yes && s.nodes[w.from].sent(p) && s.nodes[w.to].gets(p) {
			return true
		}
	}
	return false
}

// one returns a node at random that is up and in the mesh, and its place.
func (s *storm) one() (int, *member) {
	i := s.random.IntN(max(s.joined, 1))
	m := s.nodes[i]
	if m.stop == nil {
		m.start()
	}
	return i, m
}

// join lets the next node join through any one.
func (s *storm) join() {
	if s.joined == len(s.nodes) {
		return
	}
	if s.joined == 0 {
		s.joined++
	}
	_, through := s.one()
	next := s.nodes[s.joined]
	s.joined++
	code, _ := through.hand(control.CreateInvite{})
	_, err := next.enter(code, through)
	s.note("%s joins through %s: %v", next.name, through.name, err)
	s.odd = s.odd || err != nil
	s.strays[next], s.sponsor[next] = s.isOut(through), through
}

func (s *storm) part() {
	side := make([]bool, len(s.nodes))
	for i := range side {
		side[i] = s.random.IntN(2) == 0
	}
	s.note("partition %v", side)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range side {
		for j := range side {
			s.cut[way{i, j}] = side[i] != side[j]
		}
	}
}

func (s *storm) oneWay() {
	w := way{s.random.IntN(len(s.nodes)), s.random.IntN(len(s.nodes))}
	s.note("cut %v", w)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut[w] = true
}

func (s *storm) heal() {
	s.note("heal")
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.cut)
}

func (s *storm) crashOne() {
	_, m := s.one()
	s.note("%s crashes", m.name)
	m.crash()
}

func (s *storm) restartOne() {
	_, m := s.one()
	s.note("%s restarts", m.name)
	m.restart()
}

func (s *storm) removeOne() {
	_, m := s.one()
	others := m.others()
	if len(others) == 0 {
		return
	}
	gone := others[s.random.IntN(len(others))]
	_, err := m.removeAppliance(m.ctx(), control.RemoveAppliance{Appliance: gone.ID.String()})
	s.note("%s removes %s: %v", m.name, gone.Name, err)
	if err == nil {
		s.removed = append(s.removed, outcast{m, gone.ID})
	}
}

func (s *storm) renameOne() {
	_, m := s.one()
	name := fmt.Sprintf("%s%d", m.name, s.random.IntN(1000))
	_, err := m.renameAppliance(m.ctx(), control.RenameAppliance{Name: name})
	s.note("%s is now %s: %v", m.name, name, err)
}

func (s *storm) keepOne() {
	_, m := s.one()
	if len(s.removed) == 0 {
		return
	}
	who := s.removed[s.random.IntN(len(s.removed))].id
	_, err := m.keepAppliance(m.ctx(), control.KeepAppliance{Appliance: who.String()})
	s.note("%s keeps %s: %v", m.name, who.Short(), err)
	s.odd = true
}

// pair returns two members at random that know each other; false if these do not.
func (s *storm) pair() (w way, source, target *member, ok bool) {
	w.from, source = s.one()
	w.to, target = s.one()
	return w, source, target, w.from != w.to && target.members.is(source.identity.ID())
}

func (s *storm) allowOne() {
	if w, source, target, ok := s.pair(); ok {
		_, err := target.allowPool(target.ctx(), control.AllowPool{Pool: "tank", Appliance: source.id()})
		s.note("%s lets %s write: %v", target.name, source.name, err)
		if err == nil {
			s.granted[w] = append(s.granted[w], span{begin: time.Now()})
		}
	}
}

func (s *storm) denyOne() {
	if w, source, target, ok := s.pair(); ok {
		_, err := target.denyPool(target.ctx(), control.DenyPool{Pool: "tank", Appliance: source.id()})
		s.note("%s lets %s write no more: %v", target.name, source.name, err)
		for i := range s.granted[w] {
			if err == nil && s.granted[w][i].end.IsZero() {
				s.granted[w][i].end = time.Now()
			}
		}
	}
}

func (s *storm) addOne() {
	w, source, target, ok := s.pair()
	if !ok {
		return
	}
	share := fmt.Sprintf("share-%d", len(s.log))
	source.newShare(share, map[string]string{"one": share})
	_, err := target.allowPool(target.ctx(), control.AllowPool{Pool: "tank", Appliance: source.id()})
	if err == nil {
		s.granted[w] = append(s.granted[w], span{begin: time.Now()})
	}
	_, more := source.addTask(source.ctx(), control.AddTask{Share: share, To: target.id(), Pool: "tank", EverySeconds: 60})
	s.note("%s sends %s to %s: %v, %v", source.name, share, target.name, err, more)
}
