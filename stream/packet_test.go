package stream

import (
	"bytes"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"btrmesh/certs"
)

// arrival is a packet as a node's handler got it.
type arrival struct {
	peer certs.ID
	from string
	body []byte
}

// hear collects the packets n gets.
func (n *node) hear() <-chan arrival {
	got := make(chan arrival, 1000)
	n.packet = func(peer certs.ID, from netip.AddrPort, b []byte) { got <- arrival{peer, from.String(), b} }
	return got
}

func TestPacketsOfEverySizeArriveUnchanged(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		got := b.hear()
		for _, size := range []int{0, 1, 1000, 1150, 3000, maxPacket} {
			body := bytes.Repeat([]byte{7}, size)
			a.SendPacket(b.id, body)
			clear(body) // the endpoint has its copy
			p := <-got
			if p.peer != a.id || p.from != a.addr || !bytes.Equal(p.body, bytes.Repeat([]byte{7}, size)) {
				t.Errorf("size %d: %d bytes from %s at %s", size, len(p.body), p.peer.Short(), p.from)
			}
		}
		a.SendPacket(b.id, make([]byte, maxPacket+1))
		time.Sleep(time.Second)
		if s := a.PacketStats(); s != (PacketStats{Sent: 6, Dropped: 1}) || len(got) != 0 {
			t.Errorf("%+v, %d more", s, len(got))
		}
		if s := b.PacketStats(); s.Received != 6 {
			t.Errorf("%+v", s)
		}
	})
}

func TestPacketsShareTheConnectionWithQueries(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		got := a.hear()
		if _, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo}); err != nil {
			t.Fatal(err)
		}
		b.SendPacket(a.id, []byte("over the connection that a dialled"))
		<-got
		if n := len(b.conns.of(a.id)); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

func TestProbingADeadPeerDialsAboutOncePerSecond(t *testing.T) {
	onNet(t, 3, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, dead, c := f.nodes[0], f.nodes[1], f.nodes[2]
		var dials atomic.Int64
		a.peers = func(id certs.ID) []string {
			if id == dead.id {
				dials.Add(1)
				return []string{"nonsense"} // fails at once
			}
			return f.addresses(id)
		}
		got := c.hear()
		start := time.Now()
		for range 300 {
			a.SendPacket(dead.id, []byte("?"))
			a.SendPacket(c.id, []byte("!"))
			time.Sleep(100 * time.Millisecond)
		}
		if n := dials.Load(); n < 20 || n > 60 {
			t.Errorf("%d dials in %v", n, time.Since(start))
		}
		if len(got) != 300 {
			t.Errorf("%d of 300 packets to another peer arrived", len(got))
		}
		if s := a.PacketStats(); s.Sent != 300 || s.Dropped != 300 {
			t.Errorf("%+v", s)
		}
	})
}

func TestSendPacketNeverWaitsForASilentPeer(t *testing.T) {
	onNet(t, 3, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, silent, c := f.nodes[0], f.nodes[1], f.nodes[2]
		got := c.hear()
		a.SendPacket(silent.id, nil)
		a.SendPacket(c.id, nil)
		<-got
		f.set(func() { f.drop = func(p simnet.Packet) bool { return p.To.String() == silent.addr } })
		start := time.Now()
		for range 500 {
			a.SendPacket(silent.id, make([]byte, 1000))
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("500 packets took %v", took)
		}
		a.SendPacket(c.id, []byte("still here"))
		<-got
		if took := time.Since(start); took > time.Second {
			t.Errorf("another peer's packet took %v", took)
		}
		synctest.Wait()
		if s := a.PacketStats(); s.Dropped < 400 {
			t.Errorf("%+v", s)
		}
	})
}

func TestIdleMailboxesEnd(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		got := b.hear()
		for range 3 {
			a.SendPacket(b.id, nil)
			<-got
			time.Sleep(packetIdle + time.Second)
			synctest.Wait()
			if n := len(a.outbox.boxes); n != 0 {
				t.Errorf("%d mailboxes", n)
			}
		}
		a.halt()
		a.SendPacket(b.id, nil)
		if s := a.PacketStats(); s.Dropped != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestPacketsOfStrangersAreNotHeard(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		got := b.hear()
		a.c.Member = func(certs.ID) bool { return true }
		a.SendPacket(b.id, nil)
		<-got
		f.set(func() { delete(f.members, a.id) })
		a.SendPacket(b.id, []byte("small"))
		time.Sleep(time.Second)
		a.SendPacket(b.id, make([]byte, maxPacket))
		b.SendPacket(a.id, nil)
		time.Sleep(10 * time.Second)
		if len(got) != 0 || len(b.conns.of(a.id)) != 0 {
			t.Errorf("%d packets, %d connections", len(got), len(b.conns.of(a.id)))
		}
	})
}

func TestPacketsBeforeTheGreetingAreLost(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		got := b.hear()
		addr := netip.MustParseAddrPort(b.addr)
		conn, err := a.transport.Dial(t.Context(), net.UDPAddrFromAddrPort(addr), a.c.Identity.Client(b.id, f.member), meshConfig(true))
		if err != nil {
			t.Fatal(err)
		}
		l := newLink(conn, b.id, true)
		if err := l.sendPacket([]byte("datagram")); err != nil {
			t.Error(err)
		}
		if err := l.sendPacket(make([]byte, maxPacket)); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if len(got) != 0 {
			t.Errorf("%d packets", len(got))
		}
		l.close(CodeNone, "")
	})
}

func TestTooLongAPacketIsCutOffAtItsBound(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		got := b.hear()
		a.SendPacket(b.id, nil)
		<-got
		if err := a.conns.best(b.id).sendLargePacket(make([]byte, maxPacket+1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if len(got) != 0 {
			t.Error("a packet over 64 KiB arrived")
		}
	})
}
