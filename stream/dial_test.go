package stream

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"btrmesh/certs"
)

func TestUnreachablePeerNamesEveryAddressTried(t *testing.T) {
	onNet(t, 3, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b, c := f.nodes[0], f.nodes[1], f.nodes[2]
		a.peers = func(certs.ID) []string { return []string{"10.9.9.9:7945", c.addr, "nonsense"} }
		start := time.Now()
		_, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo})
		u, ok := errors.AsType[*UnreachableError](err)
		if !ok || u.Peer != b.id || len(u.Tried) != 3 {
			t.Fatalf("got %v", err)
		}
		text := err.Error()
		for _, want := range []string{"10.9.9.9:7945 (timeout 5s)", c.addr + " (it is " + c.id.Short() + ")", "nonsense (", "missing port"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q lacks %q", text, want)
			}
		}
		if took := time.Since(start); took > handshakeTime+time.Second {
			t.Errorf("took %v", took)
		}
		a.peers = func(certs.ID) []string { return nil }
		if _, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo}); err == nil || !strings.Contains(err.Error(), "no known address") {
			t.Errorf("got %v", err)
		}
	})
}

func TestDialPrefersAnAddressThatAnswers(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		a.peers = func(certs.ID) []string { return []string{"10.9.9.9:7945", b.addr, b.addr} }
		start := time.Now()
		if _, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %v", took)
		}
		time.Sleep(time.Minute)
		if n := len(b.conns.of(a.id)); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

func TestOneWhoDialsInVainTakesTheConnectionOfThePeer(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		a.peers = func(certs.ID) []string { return []string{"10.9.9.9:7945"} } // where b was
		start := time.Now()
		asked := make(chan error, 1)
		go func() { asked <- query(t, a, b) }()
		time.Sleep(time.Second)
		if err := query(t, b, a); err != nil {
			t.Fatal(err)
		}
		if err := <-asked; err != nil || time.Since(start) > 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		time.Sleep(2 * handshakeTime)
		if err := query(t, a, b); err != nil {
			t.Errorf("once the dial has failed: %v", err)
		}
	})
}

func TestOneWhoJoinedAFailedDialSeesOneMore(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		var there atomic.Bool
		var dials atomic.Int64
		a.peers = func(certs.ID) []string {
			dials.Add(1)
			if there.Load() {
				return []string{b.addr}
			}
			return []string{"10.9.9.9:7945"} // nobody answers
		}
		first := make(chan error, 1)
		go func() { first <- query(t, a, b) }()
		time.Sleep(handshakeTime - time.Second)
		joined := make(chan error, 100)
		for range cap(joined) {
			go func() { joined <- query(t, a, b) }()
		}
		there.Store(true)
		if _, ok := errors.AsType[*UnreachableError](<-first); !ok {
			t.Error("who began the dial did not hear how it ended")
		}
		for range cap(joined) {
			if err := <-joined; err != nil {
				t.Error(err)
			}
		}
		if n := dials.Load(); n != 2 {
			t.Errorf("%d dials", n)
		}
	})
}

func TestOneWhoJoinedDialsOnlyOnceMore(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		a.peers = func(certs.ID) []string { return []string{"10.9.9.9:7945"} }
		start := time.Now()
		took := make(chan time.Duration, 3)
		ask := func() {
			if err := query(t, a, b); err == nil {
				t.Error("somebody answered")
			}
			took <- time.Since(start)
		}
		go ask()
		for range 2 {
			time.Sleep(time.Second)
			go ask()
		}
		for _, want := range []time.Duration{handshakeTime, 2 * handshakeTime, 2 * handshakeTime} {
			if got := <-took; got.Round(time.Second) != want {
				t.Errorf("ended after %v, want %v", got, want)
			}
		}
	})
}

func TestRedialTriesTheAddressesThatAreKnownNow(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		var known atomic.Value
		known.Store("10.9.9.9:7945")
		a.peers = func(certs.ID) []string { return []string{known.Load().(string)} } //nolint:errcheck // it holds strings
		asked := make(chan error, 1)
		start := time.Now()
		go func() { asked <- query(t, a, b) }()
		time.Sleep(time.Second)
		known.Store(b.addr)
		a.Redial(b.id)
		if err := <-asked; err != nil || time.Since(start) > 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
