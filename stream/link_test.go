package stream

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"btrmesh/certs"
)

func TestBothEndsChooseTheSameOfTwoConnections(t *testing.T) {
	small, large := certs.ID{1}, certs.ID{2}
	at := func(dialler certs.ID, after time.Duration) claim {
		return claim{dialler: dialler, since: time.Unix(1000, 0).Add(after)}
	}
	cases := map[string]struct{ wins, loses claim }{
		"a newer dial of the same side":       {at(large, time.Second), at(large, 0)},
		"crossing, smaller ID later":          {at(small, time.Second), at(large, 0)},
		"crossing, smaller ID earlier":        {at(small, 0), at(large, time.Second)},
		"long after, the dialler lost ours":   {at(large, time.Minute), at(small, 0)},
		"long after, the smaller had lost it": {at(small, time.Minute), at(large, 0)},
	}
	for name, c := range cases {
		if !c.wins.beats(c.loses) || c.loses.beats(c.wins) {
			t.Errorf("%s: wrong choice", name)
		}
	}
}

func TestCrossingDialsSettleOnOneConnection(t *testing.T) {
	onNet(t, 2, 50*time.Millisecond, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		var both sync.WaitGroup
		for _, pair := range [][2]*node{{a, b}, {b, a}} {
			both.Go(func() {
				if _, err := pair[0].Query(t.Context(), pair[1].id, Query{Kind: QueryInfo}); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		if x, y := len(a.conns.of(b.id)), len(b.conns.of(a.id)); x != 2 || y != 2 {
			t.Fatalf("%d and %d connections, the dials did not cross", x, y)
		}
		time.Sleep(time.Minute)
		if x, y := len(a.conns.of(b.id)), len(b.conns.of(a.id)); x != 1 || y != 1 {
			t.Errorf("%d and %d connections after a minute", x, y)
		}
		if la, lb := a.Links(), b.Links(); len(la) != 1 || len(lb) != 1 || !la[0].Dialled || lb[0].Dialled {
			t.Errorf("links %+v and %+v, want the one dialled by the smaller ID", la, lb)
		}
	})
}

func TestSupersededConnectionCarriesItsRunToTheEnd(t *testing.T) {
	onNet(t, 2, 50*time.Millisecond, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1] // the larger ID's dial loses
		release := make(chan struct{})
		a.receive = func(ctx context.Context, in *Inbound) {
			_ = in.Have(ctx, Have{})
			<-release
			_ = in.Commit(ctx, Committed{})
		}
		o := testOffer()
		o.Unchanged = true
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo}); err != nil {
				t.Error(err)
			}
		})
		out, _, err := b.Offer(t.Context(), a.id, o)
		both.Wait()
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		if n := len(a.conns.of(b.id)); n != 2 {
			t.Fatalf("%d connections, the dials did not cross", n)
		}
		time.Sleep(time.Minute)
		close(release)
		if _, err := out.End(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestQueriesShareOneConnection(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				answer, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo})
				if err != nil {
					t.Error(err)
					return
				}
				if info, err := ParseInfo(answer); err != nil || info.Name != "nas-1" {
					t.Errorf("%+v, %v", info, err)
				}
			})
		}
		all.Wait()
		links := a.Links()
		if len(links) != 1 || len(b.conns.of(a.id)) != 1 {
			t.Fatalf("links %+v", links)
		}
		if l := links[0]; l.Peer != b.id || l.Name != "nas-1" || l.Version != "1.0" || l.Addr != b.addr || l.RTT < 2*latency {
			t.Errorf("link %+v", l)
		}
	})
}

func TestQueryThatIsRefusedSaysWhy(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		b.answer = func(context.Context, certs.ID, Query) (Answer, error) {
			return Answer{}, &Refusal{Code: UnknownQuery, Text: "query 9"}
		}
		_, err := a.Query(t.Context(), b.id, Query{Kind: 9})
		if r, ok := errors.AsType[*Refusal](err); !ok || r.Code != UnknownQuery || r.Text != "query 9" {
			t.Errorf("got %v", err)
		}
		b.answer = func(context.Context, certs.ID, Query) (Answer, error) { return Answer{}, errors.New("disk on fire") }
		if _, err := a.Query(t.Context(), b.id, Query{}); !errors.Is(err, &Refusal{Code: Internal}) || !strings.Contains(err.Error(), "disk on fire") {
			t.Errorf("got %v", err)
		}
	})
}

func TestStrangersAreRefusedInBothDirections(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		f.set(func() { delete(f.members, a.id) })
		a.c.Member = func(certs.ID) bool { return true }
		asked := false
		b.answer = func(context.Context, certs.ID, Query) (Answer, error) {
			asked = true
			return Answer{}, nil
		}
		_, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo})
		if removed, ok := errors.AsType[*RemovedError](err); !ok || removed.Peer != b.id || asked {
			t.Errorf("dialled as a stranger: %v", err)
		}
		if _, err := b.Query(t.Context(), a.id, Query{Kind: QueryInfo}); !errors.Is(err, certs.ErrNotMember) {
			t.Errorf("dialled a stranger: %v", err)
		}
		if _, _, err := b.Offer(t.Context(), a.id, testOffer()); !errors.Is(err, certs.ErrNotMember) {
			t.Errorf("offered to a stranger: %v", err)
		}
	})
}

func TestStoppedPeerSaysGoodbye(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		b.answer = func(ctx context.Context, _ certs.ID, _ Query) (Answer, error) {
			b.stop()
			<-ctx.Done()
			return Answer{}, ctx.Err()
		}
		start := time.Now()
		_, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo})
		if !errors.Is(err, ErrGoodbye) || time.Since(start) > time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		synctest.Wait() // the query may end before the link is gone
		if len(a.Links()) != 0 {
			t.Errorf("links %+v", a.Links())
		}
		b.halt()
		if _, err := b.Query(t.Context(), a.id, Query{Kind: QueryInfo}); !errors.Is(err, ErrClosed) {
			t.Errorf("query of a stopped endpoint: %v", err)
		}
	})
}

func TestSilentPeerLosesItsLink(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		if _, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if len(a.Links()) != 1 || len(b.Links()) != 1 {
			t.Fatal("an idle link was not kept alive")
		}
		f.set(func() { f.drop = func(simnet.Packet) bool { return true } })
		time.Sleep(2 * meshIdle)
		if len(a.Links()) != 0 || len(b.Links()) != 0 {
			t.Error("a dead link is still listed")
		}
		f.set(func() { f.drop = nil })
		if _, err := b.Query(t.Context(), a.id, Query{Kind: QueryInfo}); err != nil {
			t.Error(err)
		}
	})
}

func TestPeerCannotOpenTooManyConnections(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		if _, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo}); err != nil {
			t.Fatal(err)
		}
		mesh := a.conns.best(b.id)
		a.conns.remove(mesh) // so that a's own count does not stop it first
		for range 3 * maxConns {
			data, err := a.dialData(t.Context(), mesh, false)
			if err == nil {
				a.conns.remove(data)
			}
			time.Sleep(time.Second / 10) // below the rate of strangers
		}
		if n := len(b.conns.of(a.id)); n > maxConns {
			t.Errorf("%d connections", n)
		}
		mesh.close(CodeNone, "")
		b.Disconnect(a.id, CodeNone, "")
	})
}

func TestLinkThatIsNotHeldIdlesOutAndIsDialledAgain(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		a.loose = true
		for range 2 {
			if _, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(meshIdle - time.Second)
			if len(a.Links()) != 1 {
				t.Error("lost before its time")
			}
			time.Sleep(3 * time.Second)
			if len(a.Links()) != 0 || len(b.Links()) != 0 {
				t.Error("an idle link that is not held is still listed")
			}
		}
	})
}

func TestTwoMachinesWithOneKeyShowAsTwoLinks(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		if _, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo}); err != nil {
			t.Fatal(err)
		}
		copied := f.copied(a)
		copied.c.Instance, copied.c.Boots = [16]byte{77}, 1
		if _, err := copied.Query(t.Context(), b.id, Query{Kind: QueryInfo}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		links := b.AllLinks()
		if len(links) != 2 || links[0].Instance != a.c.Instance || links[0].Boots != 3 || links[1].Instance != copied.c.Instance || links[1].Boots != 1 {
			t.Errorf("links %+v", links)
		}
		if links := b.Links(); len(links) != 1 || links[0].Instance != copied.c.Instance {
			t.Errorf("in use %+v", links)
		}
	})
}
