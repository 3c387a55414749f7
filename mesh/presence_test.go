package mesh

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"btrmesh/mesh/control"
)

func TestAKilledApplianceIsOfflineSoonAndBackSoon(t *testing.T) {
	unraced(t)
	crewed(t, 5, func(f *fleet) {
		f.wantSeen(10*time.Second, control.Online, f.nodes, f.nodes)
		dead, rest := f.nodes[1], f.but(f.nodes[1])
		dead.crash()
		f.wantSeen(10*time.Second, control.Offline, rest, []*member{dead})
		f.wantSeen(0, control.Online, rest, rest)
		time.Sleep(10 * time.Minute)
		dead.start()
		f.wantSeen(healing, control.Online, f.nodes, f.nodes)
	})
}

func TestAnApplianceThatIsStoppedIsOfflineAtOnce(t *testing.T) {
	crewed(t, 4, func(f *fleet) {
		f.wantSeen(10*time.Second, control.Online, f.nodes, f.nodes)
		f.nodes[2].halt()
		f.wantSeen(10*time.Second, control.Offline, f.but(f.nodes[2]), []*member{f.nodes[2]})
		f.nodes[2].start()
		f.wantSeen(10*time.Second, control.Online, f.nodes, f.nodes)
	})
}

func TestAPartitionHeals(t *testing.T) {
	unraced(t)
	for _, lasting := range []time.Duration{20 * time.Second, time.Hour} {
		t.Run(lasting.String(), func(t *testing.T) {
			crewed(t, 5, func(f *fleet) {
				these, those := f.nodes[:2], f.nodes[2:]
				f.part(these, those)
				time.Sleep(lasting)
				f.wantSeen(0, control.Offline, these, those)
				f.wantSeen(0, control.Offline, those, these)
				f.wantSeen(0, control.Online, these, these)
				f.wantSeen(0, control.Online, those, those)
				f.lose(nil)
				f.wantSeen(healing, control.Online, f.nodes, f.nodes)
			})
		})
	}
}

// TestAOneWayCutHeals loses what one sends to another, which alone cannot tell
// the two apart from two that are cut.
func TestAOneWayCutHeals(t *testing.T) {
	crewed(t, 4, func(f *fleet) {
		a, b := f.nodes[0], f.nodes[1]
		f.lose(func(p simnet.Packet) bool { return b.sent(p) && a.gets(p) })
		time.Sleep(5 * time.Minute)
		f.wantSeen(0, control.Online, f.but(a, b), f.nodes)
		f.lose(nil)
		f.wantSeen(healing, control.Online, f.nodes, f.nodes)
	})
}

func TestOneThatNobodyHearsIsOfflineUntilItIsHeard(t *testing.T) {
	crewed(t, 4, func(f *fleet) {
		mute, rest := f.nodes[1], f.but(f.nodes[1])
		f.lose(mute.sent)
		f.wantSeen(15*time.Second, control.Offline, rest, []*member{mute})
		time.Sleep(5 * time.Minute)
		f.wantSeen(0, control.Offline, rest, []*member{mute})
		f.lose(nil)
		f.wantSeen(healing, control.Online, f.nodes, f.nodes)
	})
}

func TestAllRestartedInAnyOrderFindEachOther(t *testing.T) {
	unraced(t)
	for seed := range uint64(4) {
		t.Run("", func(t *testing.T) {
			crewed(t, 6, func(f *fleet) {
				random := rand.New(rand.NewPCG(seed, 0))
				for _, i := range random.Perm(6) {
					f.nodes[i].halt()
					time.Sleep(time.Duration(random.Int64N(int64(20 * time.Second))))
				}
				time.Sleep(time.Hour)
				for _, i := range random.Perm(6) {
					f.nodes[i].start()
					time.Sleep(time.Duration(random.Int64N(int64(20 * time.Second))))
				}
				f.wantSeen(healing, control.Online, f.nodes, f.nodes)
				f.wantCrew(0, f.nodes, f.nodes...)
			})
		})
	}
}

func TestSlowWaysMakeNobodyOffline(t *testing.T) {
	unraced(t)
	crewed(t, 5, func(f *fleet) {
		f.wantSeen(10*time.Second, control.Online, f.nodes, f.nodes)
		f.delay.Store(int64(400 * time.Millisecond))
		time.Sleep(10 * time.Minute)
		for _, m := range f.nodes {
			if m.said("appliance offline") {
				f.t.Errorf("%s thought somebody offline", m.name)
			}
		}
		f.wantSeen(0, control.Online, f.nodes, f.nodes)
	})
}
