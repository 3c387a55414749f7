package stream

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"btrmesh/certs"
)

// remove takes id out of the mesh, as every node but itself sees it.
func (f *fabric) remove(gone *node, why string) {
	f.set(func() {
		delete(f.members, gone.id)
		f.removed[gone.id] = why
	})
}

// mute fails the test if anything reaches n's handler.
func (n *node) mute(t *testing.T) {
	t.Helper()
	n.answer = func(context.Context, certs.ID, Query) (Answer, error) {
		t.Error("asked")
		return Answer{}, nil
	}
	n.receive = func(context.Context, *Inbound) { t.Error("offered") }
	n.packet = func(certs.ID, netip.AddrPort, []byte) { t.Error("sent a packet") }
	n.gossip = func(certs.ID, net.Conn) { t.Error("gossiped with") }
	n.records.merge = func(context.Context, [][]byte) error {
		t.Error("given records")
		return nil
	}
}

func TestRemovedPeerIsToldWhyOnEveryWayIn(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		gone, b := f.nodes[0], f.nodes[1]
		b.mute(t)
		f.remove(gone, "removed by nas-c: sold")
		for name, use := range map[string]func() error{
			"query":   func() error { return query(t, gone, b) },
			"offer":   func() error { _, _, err := gone.Offer(t.Context(), b.id, testOffer()); return err },
			"gossip":  func() error { _, err := gone.OpenGossip(t.Context(), b.id); return err },
			"records": func() error { return gone.SyncRecords(t.Context(), b.id) },
			"ping":    func() error { _, err := gone.Ping(t.Context(), b.id); return err },
		} {
			err := use()
			if r, ok := errors.AsType[*RemovedError](err); !ok || r.Peer != b.id || r.Why != "removed by nas-c: sold" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := query(t, b, gone); !errors.Is(err, certs.ErrNotMember) {
			t.Errorf("dialled a removed peer: %v", err)
		}
	})
}

func TestNothingOfARemovedPeerIsRead(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		gone, b := f.nodes[0], f.nodes[1]
		b.mute(t)
		f.remove(gone, "lost")
		addr := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(b.addr))
		conn, err := gone.transport.Dial(t.Context(), addr, gone.c.Identity.Client(b.id, gone.c.Member), meshConfig(true))
		if err != nil {
			t.Fatal(err)
		}
		l := newLink(conn, b.id, true) // it does not wait for an answer
		_ = l.sendPacket([]byte("datagram"))
		_ = l.sendLargePacket(make([]byte, 3000))
		for _, kind := range []streamKind{kindGreet, kindQuery, kindSession, kindGossip, kindRecords} {
			if w, err := openWire(t.Context(), l, kind); err == nil {
				_ = w.send(gone.greeting())
			}
		}
		time.Sleep(time.Second)
		if r, ok := errors.AsType[*RemovedError](lost(b.id, l.cause())); !ok || r.Why != "lost" {
			t.Errorf("closed with %v", l.cause())
		}
	})
}

func TestForeignReasonIsBoundedAndQuoted(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		gone, b := f.nodes[0], f.nodes[1]
		f.remove(gone, "\x1b[31m"+strings.Repeat("ä", 1000)+"\xff")
		err := query(t, gone, b)
		r, ok := errors.AsType[*RemovedError](err)
		if !ok || len(r.Why) > maxWhy || len(r.Why) < maxWhy-2 || strings.ContainsRune(err.Error(), '\x1b') {
			t.Errorf("%d bytes: %v", len(r.Why), err)
		}
	})
}

// cutDuring begins a run from a to b, has it cut, and returns what the source and
// the target are told.
func cutDuring(t *testing.T, a, b *node, cut func()) (source, target error) {
	t.Helper()
	result := b.keep(new(bytes.Buffer))
	out, _ := begin(t, a, b)
	defer out.Close()
	cut()
	for source == nil {
		_, source = out.Write(randomBytes(maxChunk))
	}
	return source, <-result
}

func TestRemovalReachesLiveRuns(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		gone, b := f.nodes[0], f.nodes[1]
		source, target := cutDuring(t, gone, b, func() {
			f.remove(gone, "lost")
			b.Disconnect(gone.id, CodeRemoved, "removed by nas-b: lost")
		})
		if r, ok := errors.AsType[*RemovedError](source); !ok || r.Why != "removed by nas-b: lost" {
			t.Errorf("source got %v", source)
		}
		if !errors.Is(target, ErrLost) {
			t.Errorf("target got %v", target)
		}
	})
}

func TestRevokedPeerIsOutInTheMiddleOfARun(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		source, target := cutDuring(t, a, b, func() {
			f.set(func() { delete(f.members, a.id) })
			b.Disconnect(a.id, CodeRemoved, "removed")
		})
		if r, ok := errors.AsType[*RemovedError](source); !ok || r.Peer != b.id {
			t.Errorf("source got %v", source)
		}
		if !errors.Is(target, ErrLost) {
			t.Errorf("target got %v", target)
		}
	})
}

func TestMembershipIsAskedAgainForEveryStream(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		if _, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo}); err != nil {
			t.Fatal(err)
		}
		asked := false
		b.answer = func(context.Context, certs.ID, Query) (Answer, error) {
			asked = true
			return Answer{}, nil
		}
		// Only b has heard of it.
		b.c.Member = func(id certs.ID) bool { return id != a.id }
		_, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo})
		if _, ok := errors.AsType[*RemovedError](err); !ok || asked {
			t.Errorf("query: %v, asked %v", err, asked)
		}
	})
}
