package mesh

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"btrmesh/mesh/control"
)

// healing is how soon all is well again after a fault of the network.
const healing = time.Minute

func TestAnApplianceAtAnotherAddressIsFoundAgain(t *testing.T) {
	crewed(t, 4, func(f *fleet) {
		t := f.t
		moved, rest := f.nodes[2], f.but(f.nodes[2])
		allow(t, moved, control.AllowPool{Appliance: "nas-d"})
		d := f.nodes[3]
		d.newShare("photos", map[string]string{"one": "1"})
		d.add("photos", moved, 60)
		time.Sleep(5 * time.Second)
		moved.halt()
		moved.conn = f.berth(9, 77)
		moved.start()
		f.wantSeen(healing, control.Online, rest, []*member{moved})
		f.wantSeen(healing, control.Online, []*member{moved}, rest)
		d.write("photos", map[string]string{"one": "changed"})
		time.Sleep(2 * time.Minute)
		moved.holds(d, "photos")
		for _, m := range rest {
			if got := m.showing(moved).Address; got != "10.0.9.77" {
				t.Errorf("%s shows nas-c at %s", m.name, got)
			}
		}
	})
}

// showing is what m shows of another in full.
func (m *member) showing(other *member) control.Appliance {
	m.t.Helper()
	shown, err := m.showAppliance(m.ctx(), control.ApplianceRequest{Appliance: other.name})
	if err != nil {
		m.t.Fatal(err)
	}
	return shown
}

func TestAllMovedAtOnceFindEachOtherByOneThatStayed(t *testing.T) {
	crewed(t, 4, func(f *fleet) {
		moved := f.nodes[1:]
		for _, m := range moved {
			m.halt()
		}
		for i, m := range moved {
			m.conn = f.berth(9, 1+i)
			m.start()
		}
		f.wantSeen(healing, control.Online, f.nodes, f.nodes)
	})
}

// silentUntilAsked loses what m sends to whom has not sent to it in the last
// minute: m cannot dial out.
func (f *fleet) silentUntilAsked(m *member) {
	f.lose(gate(m.gets, m.sent, m.far))
}

// behindNAT loses what is sent to m by whom it has not sent to in the last minute:
// m can only dial out.
func (f *fleet) behindNAT(m *member) {
	f.lose(gate(m.sent, m.gets, m.far))
}

// far is the other end of a packet that m sends or gets.
func (m *member) far(p simnet.Packet) string {
	if m.gets(p) {
		return p.From.String()
	}
	return p.To.String()
}

// gate loses held packets of those that no opening packet came from, or went to,
// in the last minute.
func gate(opening, held func(simnet.Packet) bool, far func(simnet.Packet) string) func(simnet.Packet) bool {
	var mu sync.Mutex
	opened := map[string]time.Time{}
	return func(p simnet.Packet) bool {
		mu.Lock()
		defer mu.Unlock()
		if opening(p) {
			opened[far(p)] = time.Now()
		}
		at, ok := opened[far(p)]
		return held(p) && (!ok || time.Since(at) > time.Minute)
	}
}

func TestAnAddressSetByHandReachesOneWhoseAnnouncedOnesAreWrong(t *testing.T) {
	sail(t, 3, func(f *fleet) {
		t := f.t
		a, b, c := f.nodes[0], f.nodes[1], f.nodes[2]
		b.halt()
		b.listen = "10.0.200.200:7945" // as it has it behind a router
		b.start()
		a.admit(b)
		f.silentUntilAsked(b)
		a.admit(c)
		f.wantCrew(2*time.Second, []*member{a, c}, a, b, c)
		time.Sleep(healing)
		_, err := c.ping(c.ctx(), control.ApplianceRequest{Appliance: "nas-b"})
		wantCode(t, err, control.CodePeerUnreachable)
		added, err := c.changeAddress(c.ctx(), control.ChangeAddress{Appliance: "nas-b", Address: "10.0.0.2"})
		if err != nil || added.Addresses[0].Address != "10.0.0.2:7945" || added.Addresses[0].From != control.AddressAdded {
			t.Errorf("added: %+v, %v", added, err)
		}
		if _, err := c.ping(c.ctx(), control.ApplianceRequest{Appliance: "nas-b"}); err != nil {
			t.Errorf("at once: %v", err)
		}
		f.wantSeen(10*time.Second, control.Online, []*member{c}, []*member{b})
		if got := c.showing(b).Addresses; len(got) < 2 || !slices.ContainsFunc(got, func(a control.Address) bool { return a.Address == "10.0.200.200:7945" }) {
			t.Errorf("addresses of nas-b: %+v", got)
		}
		_, err = c.changeAddress(c.ctx(), control.ChangeAddress{Appliance: "nas-b", Address: "10.0.0.2", Remove: true})
		if err != nil {
			t.Error(err)
		}
		_, err = c.changeAddress(c.ctx(), control.ChangeAddress{Appliance: "nas-b", Address: "10.0.0.2", Remove: true})
		wantCode(t, err, control.CodeAddressNotFound)
	})
}

// TestAPingUnderWayTriesTheAddressesThatAreLearned has one move that can tell its
// new address to a third only.
func TestAPingUnderWayTriesTheAddressesThatAreLearned(t *testing.T) {
	crewed(t, 3, func(f *fleet) {
		moved, c := f.nodes[1], f.nodes[2]
		moved.halt()
		moved.conn = f.berth(9, 77)
		unasked := gate(moved.gets, moved.sent, moved.far)
		f.lose(func(p simnet.Packet) bool { return unasked(p) && c.gets(p) })
		pinged := make(chan error, 1)
		go func() {
			_, err := c.ping(c.ctx(), control.ApplianceRequest{Appliance: "nas-b"})
			pinged <- err
		}()
		time.Sleep(time.Second)
		moved.start()
		if err := <-pinged; err != nil {
			f.t.Error(err)
		}
	})
}

// TestOneBehindNATReceivesAndSends has nobody dial the one, which dials all.
func TestOneBehindNATReceivesAndSends(t *testing.T) {
	crewed(t, 3, func(f *fleet) {
		t := f.t
		a, b := f.nodes[0], f.nodes[1]
		allow(t, a, control.AllowPool{Appliance: "nas-b"})
		allow(t, b, control.AllowPool{})
		a.newShare("photos", map[string]string{"one": "1"})
		b.newShare("films", map[string]string{"one": "1"})
		f.behindNAT(b)
		time.Sleep(healing)
		a.add("photos", b, 60)
		b.add("films", a, 60)
		time.Sleep(5 * time.Second)
		b.holds(a, "photos")
		a.holds(b, "films")
		for _, m := range []*member{a, b} {
			m.restart()
			f.wantSeen(healing, control.Online, f.nodes, f.nodes)
			a.write("photos", map[string]string{"one": m.name})
			b.write("films", map[string]string{"one": m.name})
			time.Sleep(2 * time.Minute)
			b.holds(a, "photos")
			a.holds(b, "films")
		}
	})
}
