package stream

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
)

// block lets no UDP through, or all.
func (f *fabric) block(blocked bool) {
	f.set(func() {
		f.drop = nil
		if blocked {
			f.drop = func(simnet.Packet) bool { return true }
		}
	})
}

// onBlocked runs test with two members that have a tunnel, as UDP is blocked.
func onBlocked(t *testing.T, test func(t *testing.T, f *fabric, a, b *node)) {
	t.Helper()
	onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		f.block(true)
		a, b := f.nodes[0], f.nodes[1]
		if err := query(t, a, b); err != nil {
			t.Fatal(err)
		}
		test(t, f, a, b)
	})
}

// wantWay wants the mesh connection between the two to be a tunnel, or not.
func wantWay(t *testing.T, a, b *node, tunnel bool) {
	t.Helper()
	for _, way := range []struct{ from, to *node }{{a, b}, {b, a}} {
		p, err := way.from.Ping(t.Context(), way.to.id)
		if err != nil || p.TCP != tunnel {
			t.Errorf("%+v, %v; want a tunnel: %v", p, err, tunnel)
		}
		links := way.from.Links()
		if len(links) != 1 || links[0].TCP != tunnel {
			t.Errorf("%+v; want a tunnel: %v", links, tunnel)
		}
	}
}

func TestDialFallsOverToATunnelWhereUDPIsBlocked(t *testing.T) {
	onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		f.block(true)
		a, b := f.nodes[0], f.nodes[1]
		begun := time.Now()
		if err := query(t, a, b); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < tunnelAfter || took > tunnelAfter+time.Second {
			t.Errorf("took %v", took)
		}
		wantWay(t, a, b, true)
		if links := a.Links(); links[0].Addr != b.addr {
			t.Errorf("%+v", links)
		}
	})
}

func TestTCPIsNotTriedWhileUDPAnswers(t *testing.T) {
	onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		if err := query(t, a, b); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		wantWay(t, a, b, false)
		if len(f.tcp.conns) != 0 {
			t.Error("TCP was dialled")
		}
	})
}

func TestSilentConnectionIsReplacedByATunnelBeforeItIsLost(t *testing.T) {
	onBothNets(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		if err := query(t, a, b); err != nil {
			t.Fatal(err)
		}
		f.block(true)
		for range 10 { // as the gossip does
			b.SendPacket(a.id, []byte("probe"))
			a.SendPacket(b.id, []byte("probe"))
			time.Sleep(time.Second)
		}
		wantWay(t, a, b, true)
	})
}

func TestTunnelGoesBackToUDP(t *testing.T) {
	onBlocked(t, func(t *testing.T, f *fabric, a, b *node) {
		t.Helper()
		time.Sleep(10 * time.Minute)
		wantWay(t, a, b, true)
		f.block(false)
		time.Sleep(2*backRarest + quiet)
		wantWay(t, a, b, false)
		for _, n := range f.nodes {
			if left := n.cables.count(); left != 0 {
				t.Errorf("%d cables are left", left)
			}
			if all := n.AllLinks(); len(all) != 1 {
				t.Errorf("%+v", all)
			}
		}
	})
}

func TestRunOnATunnelEndsWellWhenUDPAnswersAgain(t *testing.T) {
	onBlocked(t, func(t *testing.T, f *fabric, a, b *node) {
		t.Helper()
		var got bytes.Buffer
		result, want := b.keep(&got), randomBytes(16<<20)
		out, _ := begin(t, a, b)
		defer out.Close()
		if _, err := out.Write(want[:8<<20]); err != nil {
			t.Fatal(err)
		}
		f.block(false)
		time.Sleep(2 * backRarest)
		wantWay(t, a, b, false)
		if all := a.AllLinks(); len(all) != 2 {
			t.Errorf("the run has lost its connection: %+v", all)
		}
		if _, err := out.Write(want[8<<20:]); err != nil {
			t.Fatal(err)
		}
		if _, err := out.End(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-result; err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%d bytes of %d, %v", got.Len(), len(want), err)
		}
		out.Close()
		time.Sleep(2 * quiet)
		if all := a.AllLinks(); len(all) != 1 {
			t.Errorf("%+v", all)
		}
	})
}

func TestLanesBesideATunnelAreTCPAtOnce(t *testing.T) {
	onBlocked(t, func(t *testing.T, _ *fabric, a, b *node) {
		t.Helper()
		for _, way := range []struct{ from, to *node }{{a, b}, {b, a}} {
			var got bytes.Buffer
			result, begun := way.to.keep(&got), time.Now()
			out, _ := begin(t, way.from, way.to)
			want := randomBytes(8 << 20)
			if _, err := out.Write(want[:4<<20]); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if s := out.Stats(); s.TCPLanes == 0 || s.QUICLanes != 0 || s.Why != "tcp: no answer over udp" {
				t.Errorf("%+v", s)
			}
			if _, err := out.Write(want[4<<20:]); err != nil {
				t.Fatal(err)
			}
			if _, err := out.End(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-result; err != nil || !bytes.Equal(got.Bytes(), want) || time.Since(begun) > 5*time.Second {
				t.Errorf("%d bytes of %d in %v, %v", got.Len(), len(want), time.Since(begun), err)
			}
			out.Close()
		}
		if kind, why := a.LanesTo(b.id); kind != LaneTCP || why != "tcp: no answer over udp" {
			t.Error(kind, why)
		}
		if _, err := a.Measure(t.Context(), b.id, LaneQUIC, time.Second); !errors.Is(err, errNoUDP) {
			t.Error(err)
		}
	})
}

func TestRunGoesThroughTheTunnelWhereNoOtherTCPIsToBeHad(t *testing.T) {
	onBlocked(t, func(t *testing.T, f *fabric, a, b *node) {
		t.Helper()
		f.tcp.refuse(b.addr)
		var got bytes.Buffer
		result := b.keep(&got)
		want := randomBytes(8 << 20)
		if _, err := a.sendAll(t.Context(), b, want, Begin{}); err != nil {
			t.Fatal(err)
		}
		if err := <-result; err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%d bytes, %v", got.Len(), err)
		}
	})
}

func TestRunThatMayUseQUICAloneFailsBesideATunnel(t *testing.T) {
	onBlocked(t, func(t *testing.T, _ *fabric, a, b *node) {
		t.Helper()
		a.c.LanePolicy = policy(LanesQUIC)
		b.keep(new(bytes.Buffer))
		_, err := a.sendAll(t.Context(), b, randomBytes(1), Begin{})
		if no, ok := errors.AsType[*NoUDPError](err); !ok || no.Peer != b.id {
			t.Error(err)
		}
		result := b.keep(new(bytes.Buffer))
		if _, err := a.sendAll(t.Context(), b, randomBytes(1), Begin{EstimateBytes: 1}); err != nil || <-result != nil {
			t.Errorf("a small run: %v", err)
		}
	})
}

func TestTunnelAndItsConnectionDieTogether(t *testing.T) {
	for name, end := range map[string]func(f *fabric, a, b *node){
		"the cable":      func(f *fabric, _, _ *node) { f.tcp.kill() },
		"the connection": func(_ *fabric, a, b *node) { a.conns.best(b.id).close(CodeNone, "test") },
	} {
		t.Run(name, func(t *testing.T) {
			onBlocked(t, func(t *testing.T, f *fabric, a, b *node) {
				t.Helper()
				end(f, a, b)
				time.Sleep(4 * lastWords)
				for _, n := range f.nodes {
					if links, cables := len(n.AllLinks()), n.cables.count(); links != 0 || cables != 0 {
						t.Errorf("%d links and %d cables are left", links, cables)
					}
				}
				if err := query(t, b, a); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestRemovalCutsATunnelAtOnceAndTellsWhy(t *testing.T) {
	onBlocked(t, func(t *testing.T, f *fabric, a, b *node) {
		t.Helper()
		l := a.conns.best(b.id)
		f.remove(a, "lost")
		b.Disconnect(a.id, CodeRemoved, "lost")
		if l := b.conns.best(a.id); l != nil {
			t.Error("the connection lives")
		}
		<-l.done()
		if gone, ok := errors.AsType[*RemovedError](lost(b.id, l.cause())); !ok || gone.Why != "lost" {
			t.Error(l.cause())
		}
		time.Sleep(4 * lastWords) // for those of both
		if left := b.cables.count(); left != 0 {
			t.Errorf("%d cables", left)
		}
		if err := query(t, a, b); err == nil {
			t.Error("a removed member is let in")
		}
	})
}

func TestGoodbyeIsHeardThroughATunnel(t *testing.T) {
	onBlocked(t, func(t *testing.T, _ *fabric, a, b *node) {
		t.Helper()
		l := a.conns.best(b.id)
		b.stop()
		<-l.done()
		if err := lost(b.id, l.cause()); !errors.Is(err, ErrGoodbye) {
			t.Error(err)
		}
	})
}
