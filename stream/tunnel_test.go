package stream

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"btrmesh/certs"
)

// tunnelTo lays a tunnel from a to b by hand.
func (f *fabric) tunnelTo(t *testing.T, a, b *node) *cable {
	t.Helper()
	c, err := a.tryCable(t.Context(), b.id, netip.MustParseAddrPort(b.addr), tunnelHeader())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.cut(CodeNone, "") })
	return c
}

func TestHostileTunnelIsClosed(t *testing.T) {
	for name, say := range map[string][]byte{
		"an empty packet":    {0, 0},
		"a packet too large": {0xff, 0xff},
		"one byte too large": {0x05, 0xad},
		"half a packet":      {0, 9, 1},
		"noise":              append([]byte{0, 9}, "not quic!"...),
		"silence":            nil,
	} {
		t.Run(name, func(t *testing.T) {
			onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
				t.Helper()
				a, b := f.nodes[0], f.nodes[1]
				begun, c := time.Now(), f.tunnelTo(t, a, b)
				if _, err := c.Write(say); err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, c)
				if took := time.Since(begun); took > handshakeTime+2*time.Second {
					t.Errorf("borne for %v", took)
				}
				c.cut(CodeNone, "")
				time.Sleep(4 * lastWords)
				if left := b.cables.count(); left != 0 {
					t.Errorf("%d cables", left)
				}
			})
		})
	}
}

func TestTunnelIsForItsOwnerAlone(t *testing.T) {
	onBothNets(t, 3, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b, other := f.nodes[0], f.nodes[1], f.nodes[2]
		tun := newTunnel(f.tunnelTo(t, a, b))
		defer tun.end()
		ctx, cancel := context.WithTimeout(t.Context(), handshakeTime)
		defer cancel()
		l, err := other.dialLink(ctx, tun.transport, b.id, tun.cable.RemoteAddr())
		if err == nil {
			t.Errorf("another member came through: %v", l.peer)
		}
		if len(b.AllLinks()) != 0 {
			t.Error("it has a connection")
		}
	})
}

func TestTunnelCarriesOneConnection(t *testing.T) {
	onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		tun := newTunnel(f.tunnelTo(t, a, b))
		defer tun.end()
		ctx, cancel := context.WithTimeout(t.Context(), handshakeTime)
		defer cancel()
		for i := range 2 {
			_, err := a.dialLink(ctx, tun.transport, b.id, tun.cable.RemoteAddr())
			if (err == nil) != (i == 0) {
				t.Errorf("connection %d: %v", i, err)
			}
		}
	})
}

func TestStrangerGetsNoTunnel(t *testing.T) {
	onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		stranger, b := identity(t), f.nodes[1]
		everybody := stranger.LaneClient(b.id, func(certs.ID) bool { return true })
		for _, c := range []*tls.Config{everybody, stranger.PairClient(b.id.Prefix())} {
			if heard, _ := f.rawTLS(t, b, c, tunnelHeader()); len(heard) != 0 {
				t.Errorf("heard %x", heard)
			}
		}
		if left := b.cables.count(); left != 0 {
			t.Errorf("%d cables", left)
		}
	})
}

// A peer that does not read cannot make this side keep more than the queue.
func TestSlowReaderOfATunnelCostsNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		tun := newTunnel(&cable{Conn: tls.Client(near, new(tls.Config)), bulk: newBulk(near), raw: near})
		begun := time.Now()
		for range 100 * tunnelQueue {
			if n, err := tun.WriteTo(make([]byte, smallestPacket), nil); n != smallestPacket || err != nil {
				t.Fatal(n, err)
			}
		}
		if len(tun.queue) > tunnelQueue || time.Since(begun) != 0 {
			t.Errorf("%d packets wait after %v", len(tun.queue), time.Since(begun))
		}
		tun.end()
		if took := time.Since(begun); took > 2*lastWords {
			t.Errorf("the end took %v", took)
		}
		_ = far.Close()
	})
}

func TestPacketsKeepTheirBounds(t *testing.T) {
	for _, size := range []int{1, smallestPacket, maxTunnelled} {
		frame := append([]byte{byte(size >> 8), byte(size)}, make([]byte, size)...)
		if n, err := readPacket(bytes.NewReader(frame), make([]byte, maxTunnelled)); n != size || err != nil {
			t.Error(size, n, err)
		}
		if _, err := readPacket(bytes.NewReader(frame[:len(frame)-1]), make([]byte, maxTunnelled)); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(size, err)
		}
	}
	for _, head := range [][]byte{{0, 0}, {0x05, 0xad}, {0xff, 0xff}} {
		if _, err := readPacket(bytes.NewReader(head), make([]byte, 1<<16)); !errors.Is(err, ErrBadStream) {
			t.Error(head, err)
		}
	}
}
