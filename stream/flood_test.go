package stream

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/testutils/simnet"
)

// initial is the first packet of a handshake that nobody means to go on with
// (RFC 9000 section 17.2.2): a header, and noise for the rest.
func initial() []byte {
	b := make([]byte, 1200)
	_, _ = rand.Read(b) // never fails
	b[0] = 0xc3         // long header, Initial, packet number of 4 bytes
	binary.BigEndian.PutUint32(b[1:], 1)
	b[5], b[14] = 8, 8 // lengths of the random connection IDs
	b[23] = 0          // no token
	binary.BigEndian.PutUint16(b[24:], 0x4000|uint16(len(b)-26))
	return b
}

// flood sends n forged Initials in each millisecond until done.
func (f *fabric) flood(done <-chan struct{}, to *node, n int) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	target, template := to.c.Conn.LocalAddr(), initial()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		for range n {
			from, data := make(net.IP, 4), bytes.Clone(template)
			_, _ = rand.Read(from)       // never fails
			_, _ = rand.Read(data[6:14]) // another connection
			from[0] |= 0x80              // not one of ours
			_ = f.SendPacket(simnet.Packet{To: target, From: &net.UDPAddr{IP: from, Port: 1024}, Data: data})
		}
	}
}

// pester dials to from one proven address, again and again, 32 at a time.
func (f *fabric) pester(ctx context.Context, to *node, stranger *tls.Config) {
	transport := &quic.Transport{Conn: f.spare}
	defer func() { _ = transport.Close() }()
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for ctx.Err() == nil {
				conn, err := transport.Dial(ctx, to.c.Conn.LocalAddr(), stranger, meshConfig(true))
				if err == nil {
					_ = conn.CloseWithError(0, "")
				}
			}
		})
	}
	all.Wait()
}

func TestMembersConnectUnderAFloodOfHandshakes(t *testing.T) {
	unraced(t)
	stranger := identity(t)
	onNet(t, 3, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, near, far := f.nodes[0], f.nodes[1], f.nodes[2]
		if err := query(t, near, a); err != nil {
			t.Fatal(err)
		}
		before, atRest := runtime.NumGoroutine(), heap()
		ctx, cancel := context.WithCancel(t.Context())
		var attack sync.WaitGroup
		attack.Go(func() { f.flood(ctx.Done(), a, 10) })
		attack.Go(func() { f.pester(ctx, a, stranger.Client(a.id, f.member)) })
		time.Sleep(time.Second)

		start := time.Now()
		insist(t, "a member that was not connected", func() error { return query(t, far, a) })
		insist(t, "one more connection of a member", func() error {
			data, err := near.dialData(t.Context(), near.conns.best(a.id), false)
			if err == nil {
				data.close(CodeNone, "")
			}
			return err
		})
		goroutines, bytes := runtime.NumGoroutine()-before, heap()-atRest
		t.Logf("connected within %v; the flood costs %d goroutines and %d KiB", time.Since(start), goroutines, bytes>>10)
		if goroutines > 1000 || bytes > 32<<20 {
			t.Errorf("the flood costs %d goroutines and %d bytes", goroutines, bytes)
		}
		cancel()
		attack.Wait()
	})
}

// insist tries a few times, as a daemon does for ever: the flood loses some of
// the packets of everybody.
func insist(t *testing.T, what string, try func() error) {
	t.Helper()
	var err error
	for range 4 {
		if err = try(); err == nil {
			return
		}
	}
	t.Errorf("%s: %v", what, err)
}

func TestOneNetworkCannotLockTheOthersOut(t *testing.T) {
	unraced(t)
	stranger := identity(t)
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		ctx, cancel := context.WithCancel(t.Context())
		var attack sync.WaitGroup
		attack.Go(func() { f.pester(ctx, a, stranger.Client(a.id, f.member)) })
		for range 2 {
			time.Sleep(time.Second)
			if err := query(t, b, a); err != nil {
				t.Error(err)
			}
			b.Disconnect(a.id, CodeNone, "")
		}
		cancel()
		attack.Wait()
	})
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
