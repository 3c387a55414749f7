package stream

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/ipv4"

	"btrmesh/certs"
)

// counted counts what it takes to receive: by system call, one burst or, if
// plain, one batch of recvmmsg.
type counted struct {
	*net.UDPConn
	batches interface {
		ReadBatch([]ipv4.Message, int) (int, error)
	}
	calls, packets atomic.Int64
}

func (c *counted) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	if g, ok := c.batches.(*groConn); !ok || len(g.burst.rest) == 0 {
		c.calls.Add(1)
	}
	n, err := c.batches.ReadBatch(ms, flags)
	c.packets.Add(int64(n))
	return n, err
}

// withOffload reads bursts, plain as if the kernel had refused to.
func withOffload(tb testing.TB, udp *net.UDPConn) *counted {
	tb.Helper()
	c, err := newGROConn(udp)
	if err != nil {
		tb.Fatal(err)
	}
	return &counted{UDPConn: udp, batches: c}
}

func plain(tb testing.TB, udp *net.UDPConn) *counted {
	tb.Helper()
	return &counted{UDPConn: udp, batches: ipv4.NewPacketConn(udp)}
}

// loopback listens as the daemon does: on IPv4 and IPv6 unless addr says where.
func loopback(tb testing.TB, addr string) *net.UDPConn {
	tb.Helper()
	to, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	conn, err := net.ListenUDP("udp", to)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return conn
}

// onUDP runs two members on the kernel's sockets instead of simulated ones.
func onUDP(tb testing.TB, conns ...net.PacketConn) (a, b *node) {
	tb.Helper()
	f := &fabric{t: tb, members: make(map[certs.ID]bool)}
	for _, conn := range conns {
		id := identity(tb)
		f.members[id.ID()] = true
		f.attach(id, conn)
	}
	for _, n := range f.nodes {
		if at := addrPort(n.c.Conn.LocalAddr()); at.Addr().IsUnspecified() {
			n.addr = fmt.Sprintf("127.0.0.1:%d", at.Port())
		}
		n.run()
		tb.Cleanup(n.halt)
	}
	return f.nodes[0], f.nodes[1]
}

func TestRunOverUDP(t *testing.T) {
	tests := map[string]struct {
		listen string
		conn   func(testing.TB, *net.UDPConn) *counted // nil: none
	}{
		"as the daemon listens":                 {":0", nil},
		"offload on one address":                {"127.0.0.1:0", withOffload},
		"offload on all addresses":              {":0", withOffload},
		"offload with IPv6":                     {"[::1]:0", withOffload},
		"kernel without offload":                {"127.0.0.1:0", plain},
		"kernel without offload, all addresses": {":0", plain},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			open := func() net.PacketConn {
				udp := loopback(t, test.listen)
				if test.conn == nil {
					return udp
				}
				return test.conn(t, udp)
			}
			target := open()
			a, b := onUDP(t, open(), target)
			var got bytes.Buffer
			result := b.keep(&got)
			want := randomBytes(16<<20 + 17)
			if _, err := a.sendAll(t.Context(), b, want, Begin{}); err != nil {
				t.Fatal(err)
			}
			if err := <-result; err != nil || !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%d bytes, %v", got.Len(), err)
			}
			wantBursts(t, target)
		})
	}
}

// wantBursts says whether offload was any use.
func wantBursts(t *testing.T, conn net.PacketConn) {
	t.Helper()
	c, ok := conn.(*counted)
	if !ok {
		return
	}
	packets, calls := c.packets.Load(), c.calls.Load()
	t.Logf("%d packets by %d system calls", packets, calls)
	if _, offload := c.batches.(*groConn); offload && packets < 2*calls {
		t.Errorf("%d packets took %d system calls", packets, calls)
	}
}

func TestListenReadsBursts(t *testing.T) {
	_, b := onUDP(t, loopback(t, ":0"), loopback(t, ":0"))
	if _, ok := b.transport.Conn.(*groConn); !ok {
		t.Errorf("reads %T", b.transport.Conn)
	}
}

// BenchmarkRunOverUDP is one run of 512 MiB that do not compress, both ends in
// one process.
func BenchmarkRunOverUDP(b *testing.B) {
	conns := map[string]func(testing.TB, *net.UDPConn) *counted{"offload": withOffload, "plain": plain}
	for name, conn := range conns {
		b.Run(name, func(b *testing.B) {
			target := conn(b, loopback(b, "127.0.0.1:0"))
			from, to := onUDP(b, conn(b, loopback(b, "127.0.0.1:0")), target)
			to.receive = func(ctx context.Context, in *Inbound) { _ = receiveAll(ctx, in, io.Discard) }
			data := bytes.Repeat(randomBytes(8<<20), 64)
			b.SetBytes(int64(len(data)))
			before := cpuTime(b)
			b.ResetTimer()
			for range b.N {
				if _, err := from.sendAll(b.Context(), to, data, Begin{}); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric((cpuTime(b)-before).Seconds()*1e9/float64(b.N*len(data)), "cpu-s/GB")
			b.ReportMetric(float64(target.packets.Load())/float64(target.calls.Load()), "packets/call")
		})
	}
}

// cpuTime is what this process has used, of the kernel included.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
