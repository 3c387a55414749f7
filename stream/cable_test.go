package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"btrmesh/certs"
)

// dialled opens a cable from a to b with the header of a sink.
func dialled(t *testing.T, a, b *node) *cable {
	t.Helper()
	c, err := a.dialCable(t.Context(), meshLink(t, a, b), sinkHeader())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.hangUp(c) })
	return c
}

func (n *node) hangUp(c *cable) {
	c.cut(CodeNone, "")
	n.cables.remove(c)
}

func meshLink(t *testing.T, a, b *node) *link {
	t.Helper()
	if err := query(t, a, b); err != nil {
		t.Fatal(err)
	}
	return a.conns.best(b.id)
}

// rawTLS connects to b over TCP as whoever c says, and reads until b hangs up.
// It returns what came and how long b bore with it.
func (f *fabric) rawTLS(t *testing.T, b *node, c *tls.Config, say []byte) (heard []byte, took time.Duration) {
	t.Helper()
	begun := time.Now()
	raw, err := f.tcp.dial(t.Context(), netip.MustParseAddrPort("192.0.2.1:1024"), b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	conn := tls.Client(raw, c)
	if err := conn.HandshakeContext(t.Context()); err != nil {
		return nil, time.Since(begun)
	}
	_, _ = conn.Write(say) // b may have hung up
	heard, _ = io.ReadAll(conn)
	return heard, time.Since(begun)
}

func TestNobodyElseGetsAWordInOverTCP(t *testing.T) {
	stranger := identity(t)
	for name, c := range map[string]struct {
		config func(a, b *node) *tls.Config
		say    []byte
		heard  string // by the dialler
		within time.Duration
	}{
		"a stranger": {func(_, b *node) *tls.Config {
			return stranger.LaneClient(b.id, func(certs.ID) bool { return true })
		}, sinkHeader(), "", handshakeTime + time.Second}, // a pipe holds no alert
		"the protocol of the mesh": {func(a, b *node) *tls.Config {
			return a.c.Identity.Client(b.id, a.c.Member)
		}, sinkHeader(), "", time.Second},
		"no protocol at all": {func(a, b *node) *tls.Config {
			c := a.c.Identity.LaneClient(b.id, a.c.Member)
			c.NextProtos = nil
			return c
		}, sinkHeader(), "", time.Second},
		"another version of lanes": {laneOf, []byte{9, byte(kindLane)}, string([]byte{byte(CodeProtocol)}), 2 * time.Second},
		"a session":                {laneOf, []byte{protocolVersion, byte(kindSession)}, string([]byte{byte(CodeProtocol)}), 2 * time.Second},
		"a lane of no session":     {laneOf, laneHeader(bytes16{1}, 1), string([]byte{byte(CodeUnknown)}), 2 * time.Second},
		"more than a header": {
			laneOf, append(laneHeader(bytes16{1}, 1), make([]byte, 1<<10)...),
			string([]byte{byte(CodeUnknown)}), 2 * time.Second,
		},
		"half a header": {laneOf, laneHeader(bytes16{1}, 1)[:9], "", firstWords + time.Second},
		"silence":       {laneOf, nil, "", firstWords + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
				t.Helper()
				a, b := f.nodes[0], f.nodes[1]
				heard, took := f.rawTLS(t, b, c.config(a, b), c.say)
				if string(heard) != c.heard || took > c.within {
					t.Errorf("heard %x, want %x, after %v", heard, c.heard, took)
				}
				synctest.Wait()
				if left := len(b.cables.open); left != 0 {
					t.Errorf("%d peers have cables", left)
				}
			})
		})
	}
}

func laneOf(a, b *node) *tls.Config { return a.c.Identity.LaneClient(b.id, a.c.Member) }

func TestSlowHandshakeIsGivenUp(t *testing.T) {
	onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		begun := time.Now()
		raw, err := f.tcp.dial(t.Context(), netip.MustParseAddrPort("192.0.2.1:1024"), f.nodes[1].addr)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil { // a byte in a second, of a record that is announced as long
			_, err = raw.Write([]byte{22, 3, 1, 0x40, 0, 1}[:1])
			time.Sleep(time.Second)
		}
		if took := time.Since(begun); took > handshakeTime+2*time.Second {
			t.Errorf("borne for %v", took)
		}
	})
}

// Nobody says a word: the handshakes stay open until they time out.
func TestFloodOfSilenceDoesNotShutAMemberOut(t *testing.T) {
	onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		l := meshLink(t, a, b)
		open := 0
		for second := range 10 {
			for i := range 200 {
				from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, byte(second), byte(i), 1}), 1024)
				raw, err := f.tcp.dial(t.Context(), from, b.addr)
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if _, err := raw.Write([]byte{22}); err == nil {
					open++
				}
			}
			c, err := a.dialCable(t.Context(), l, sinkHeader())
			if err != nil {
				t.Fatalf("in second %d, with %d strangers let in: %v", second, open, err)
			}
			a.hangUp(c)
			time.Sleep(time.Second)
		}
		if open > 10*refuseAbove+doorAll {
			t.Errorf("%d strangers of 2000 were let in", open)
		}
	})
}

func TestDoorIsBounded(t *testing.T) {
	now, d := time.Unix(1e9, 0), newDoor()
	from := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}) }
	var leaves []func()
	for second := range 20 {
		for i := range 1000 {
			if leave, ok := d.enter(from(i), false, now.Add(time.Duration(second)*time.Second)); ok {
				leaves = append(leaves, leave)
			}
		}
	}
	if len(leaves) != doorAll {
		t.Errorf("%d strangers inside, want %d", len(leaves), doorAll)
	}
	if _, ok := d.enter(from(1), true, now); !ok {
		t.Error("no room for a member")
	}
	for _, leave := range leaves {
		leave()
		leave()
	}
	if d.all != 0 || len(d.networks) != 1 {
		t.Errorf("%d strangers and %d networks are left", d.all, len(d.networks))
	}
}

func TestRemovalCutsLiveCables(t *testing.T) {
	onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		c := dialled(t, a, b)
		if _, err := c.Write([]byte("data")); err != nil {
			t.Fatal(err)
		}
		f.remove(a, "lost")
		b.Disconnect(a.id, CodeRemoved, "lost")
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("the cable lives")
		}
		if _, err := a.dialCable(t.Context(), a.conns.best(b.id), sinkHeader()); err == nil {
			t.Error("a removed member dialled again")
		}
	})
}

func TestRemovedMemberIsRefusedBetweenHandshakeAndEntry(t *testing.T) {
	onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		l, asked := meshLink(t, a, b), 0
		b.c.Member = func(id certs.ID) bool { // the handshake has its own copy of the question
			asked++
			return id != a.id
		}
		if _, err := a.dialCable(t.Context(), l, sinkHeader()); err == nil {
			t.Error("let in")
		}
		if len(b.cables.open) != 0 {
			t.Error("entered")
		}
	})
}

func TestOnePeerHasSoManyCables(t *testing.T) {
	onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		l := meshLink(t, a, b)
		for i := range maxConns {
			c := &cable{peer: a.id, raw: closedConn{}}
			if err := b.cables.add(c); err != nil {
				t.Fatal(i, err)
			}
		}
		if _, err := a.dialCable(t.Context(), l, sinkHeader()); err == nil {
			t.Error("one more was let in")
		}
	})
}

// closedConn stands for a connection that is not there.
type closedConn struct{ net.Conn }

func (closedConn) Close() error { return nil }

func TestUnreachableTCPNamesTheAddress(t *testing.T) {
	onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		l := meshLink(t, a, b)
		f.tcp.refuse(b.addr)
		_, err := a.dialCable(t.Context(), l, sinkHeader())
		u, ok := errors.AsType[*UnreachableError](err)
		if !ok || len(u.Tried) != 1 || u.Tried[0] != (Attempt{Addr: b.addr, Why: "refused"}) {
			t.Errorf("%v", err)
		}
		if _, err := f.nodes[1].dialCable(cancelled(t), b.conns.best(a.id), sinkHeader()); !errors.Is(err, context.Canceled) {
			t.Errorf("dialled although nobody waits: %v", err)
		}
	})
}

func cancelled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestTCPThatIsOffIsNotDialled(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		if _, err := a.Measure(t.Context(), b.id, LaneTCP, time.Second); !errors.Is(err, errNoTCP) {
			t.Error(err)
		}
	})
}

func TestGoodbyeCutsCables(t *testing.T) {
	onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		c := dialled(t, f.nodes[0], f.nodes[1])
		f.nodes[1].stop()
		if _, err := c.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
			t.Error(err)
		}
	})
}
