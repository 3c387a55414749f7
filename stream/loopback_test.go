package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"btrmesh/certs"
)

// tcpDoor is a listener of the kernel that remembers whom it let in.
type tcpDoor struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (d *tcpDoor) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.conns = append(d.conns, conn)
	}
	return conn, err
}

// slam closes what is open and returns how many there were.
func (d *tcpDoor) slam() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.conns)
	for _, c := range d.conns {
		_ = c.Close()
	}
	d.conns = nil
	return n
}

// bothPorts listens on a port of 127.0.0.1 that is free for UDP and for TCP.
func bothPorts(tb testing.TB) (net.PacketConn, *tcpDoor) {
	tb.Helper()
	for range 100 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err != nil {
			_ = tcp.Close()
			continue
		}
		tb.Cleanup(func() { _, _ = udp.Close(), tcp.Close() })
		return udp, &tcpDoor{Listener: tcp}
	}
	tb.Fatal("no port is free for both")
	return nil, nil
}

// onSockets runs two members on UDP and TCP sockets of the kernel; door is the
// second one's.
func onSockets(tb testing.TB) (a, b *node, door *tcpDoor) {
	tb.Helper()
	f := &fabric{t: tb, members: make(map[certs.ID]bool), removed: make(map[certs.ID]string)}
	for range 2 {
		id, udp := identity(tb), net.PacketConn(nil)
		udp, door = bothPorts(tb)
		f.members[id.ID()] = true
		f.attach(id, udp)
		f.nodes[len(f.nodes)-1].c.TCP = door
	}
	for _, n := range f.nodes {
		n.run()
		tb.Cleanup(n.halt)
	}
	return f.nodes[0], f.nodes[1], door
}

func policy(p LanePolicy) func(certs.ID) LanePolicy { return func(certs.ID) LanePolicy { return p } }

func TestRunOverSocketsOfTheKernel(t *testing.T) {
	size := 64 << 20
	if raced {
		size = 8 << 20
	}
	for _, p := range []LanePolicy{LanesAuto, LanesTCP} {
		t.Run(p.String(), func(t *testing.T) {
			noLeaks(t)
			a, b, _ := onSockets(t)
			a.c.LanePolicy = policy(p)
			var got bytes.Buffer
			result, want := b.keep(&got), randomBytes(size)
			out, _ := begin(t, a, b)
			defer out.Close()
			if _, err := out.Write(want); err != nil {
				t.Fatal(err)
			}
			// Nothing of it may have left yet: Write returns when it is in the queue.
			eventually(t, "lanes that carry it", func() bool { return out.Stats().WireBytes >= int64(size) })
			stats := out.Stats()
			if _, err := out.End(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-result; err != nil || !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%d bytes, %v", got.Len(), err)
			}
			t.Logf("%+v", stats)
			if stats.Replaced != 0 || p == LanesTCP && (stats.TCPLanes == 0 || stats.QUICLanes != 0) {
				t.Errorf("%+v", stats)
			}
		})
	}
}

func TestMeasureOverSocketsOfTheKernel(t *testing.T) {
	for _, kind := range []LaneKind{LaneQUIC, LaneTCP} {
		t.Run(kind.String(), func(t *testing.T) {
			noLeaks(t)
			a, b, _ := onSockets(t)
			m := a.measured(t, b, kind)
			if m.Kind != kind || m.Took <= 0 || m.RTT <= 0 || m.Packets <= 0 || m.Congestion == "" {
				t.Errorf("%+v", m)
			}
		})
	}
}

// measured is the first measurement that carried a piece. On a machine that is
// busy one may pass in which nobody sends, or the records are compared too late.
func (n *node) measured(t *testing.T, to *node, kind LaneKind) Throughput {
	t.Helper()
	for range 20 {
		m, err := n.Measure(t.Context(), to.id, kind, 200*time.Millisecond)
		if err != nil && !errors.Is(err, &Refusal{Code: Busy}) {
			t.Fatal(err)
		}
		t.Logf("%+v: %d MB/s, %v", m, m.PerSecond()/1e6, err)
		if m.Bytes >= sinkBuffer {
			return m
		}
	}
	t.Fatal("nothing is carried")
	return Throughput{}
}

// noLeaks fails the test if a goroutine of it is there a minute after its end.
func noLeaks(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		begun, err := time.Now(), goleak.Find()
		for err != nil && time.Since(begun) < time.Minute {
			err = goleak.Find()
		}
		if err != nil {
			t.Error(err)
		}
	})
}

func TestStatsOfATCPLaneAreThoseOfTheKernel(t *testing.T) {
	a, b, _ := onSockets(t)
	c, err := a.dialCable(t.Context(), meshLink(t, a, b), sinkHeader())
	if err != nil {
		t.Fatal(err)
	}
	la := a.newTCPLane(c)
	if _, err := la.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := la.finish(); err != nil {
		t.Fatal(err)
	}
	if _, err := expect[sunk](c); err != nil {
		t.Fatal(err)
	}
	s := la.stats()
	if s.wireBytes < 1<<20 || s.wireBytes > 2<<20 || s.rtt <= 0 || s.packets < 2 || s.lost > s.packets || s.congestion == "" {
		t.Errorf("%+v", s)
	}
	la.cut()
	if last := la.stats(); last.wireBytes < s.wireBytes || last.congestion != s.congestion {
		t.Errorf("once it is closed: %+v", last)
	}
}

func TestRunGoesOnWhenTheKernelClosesItsLanes(t *testing.T) {
	for _, p := range []LanePolicy{LanesAuto, LanesTCP} {
		t.Run(p.String(), func(t *testing.T) {
			a, b, door := onSockets(t)
			a.c.LanePolicy = policy(p)
			a.lore.note(b.id, experience{kind: LaneTCP, why: "tcp: in a test", until: time.Now().Add(time.Hour)})
			var got bytes.Buffer
			result, want := b.keep(&got), randomBytes(16<<20)
			out, _ := begin(t, a, b)
			defer out.Close()
			cut := 0
			for part := range slices.Chunk(want, 4<<20) {
				if _, err := out.Write(part); err != nil {
					t.Fatal(err)
				}
				cut += door.slam()
			}
			cut += door.slam()
			if _, err := out.End(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-result; err != nil || !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%d bytes, %v", got.Len(), err)
			}
			t.Logf("%d closed: %+v", cut, out.Stats())
			if cut == 0 || out.Stats().Replaced == 0 {
				t.Errorf("%d connections closed, %d lanes replaced", cut, out.Stats().Replaced)
			}
		})
	}
}

func TestIdleLaneOverTCPKnowsWhenItsConnectionEnds(t *testing.T) {
	a, b, door := onSockets(t)
	a.c.LanePolicy = overTCP
	b.keep(new(bytes.Buffer))
	out, _ := begin(t, a, b)
	defer out.Close()
	eventually(t, "lanes", func() bool { return out.Stats().TCPLanes == defaultLanes })
	door.slam()
	eventually(t, "replacement", func() bool { return out.Stats().Replaced == defaultLanes })
	if _, err := out.End(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestRemovalCutsARunOverTCPAtOnce(t *testing.T) {
	for _, who := range []string{"source", "target"} {
		t.Run("by the "+who, func(t *testing.T) {
			a, b, _ := onSockets(t)
			a.c.LanePolicy = overTCP
			ended := make(chan error, 1)
			b.receive = func(ctx context.Context, in *Inbound) { ended <- receiveAll(ctx, in, io.Discard) }
			out, _ := begin(t, a, b)
			defer out.Close()
			if _, err := out.Write(randomBytes(16 << 20)); err != nil {
				t.Fatal(err)
			}
			at, gone := a, b
			if who == "target" {
				at, gone = b, a
			}
			a.net.set(func() { delete(a.net.members, gone.id) })
			at.Disconnect(gone.id, CodeRemoved, "lost")
			if _, err := out.End(t.Context()); err == nil {
				t.Error("the run ended well")
			}
			if err := <-ended; err == nil {
				t.Error("the target has all of it")
			}
			for _, n := range a.net.nodes {
				eventually(t, "no cables", func() bool { return n.cables.count() == 0 })
			}
		})
	}
}

// count is how many are open.
func (s *cables) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, list := range s.open {
		n += len(list)
	}
	return n
}

// eventually waits for what the kernel and other goroutines take their time for.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for !is() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal(what)
		}
	}
}
