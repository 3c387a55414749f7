package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"btrmesh/certs"
)

const latency = 5 * time.Millisecond

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func TestRunDeliversTheStreamAndItsCommit(t *testing.T) {
	data := map[string][]byte{
		"empty":          nil,
		"one byte":       {1},
		"one chunk":      randomBytes(maxChunk),
		"incompressible": randomBytes(20<<20 + 17),
		"compressible":   bytes.Repeat([]byte("all work and no play makes jack a dull boy\n"), 500_000),
	}
	for name, want := range data {
		t.Run(name, func(t *testing.T) {
			onNet(t, 2, latency, func(t *testing.T, f *fabric) {
				t.Helper()
				var got bytes.Buffer
				result := f.nodes[1].keep(&got)
				c, err := f.nodes[0].sendAll(t.Context(), f.nodes[1], want, Begin{})
				if err != nil {
					t.Fatal(err)
				}
				if err := <-result; err != nil {
					t.Fatal(err)
				}
				if c.Snapshot != testOffer().Snapshot || c.Bytes != int64(len(want)) || !bytes.Equal(got.Bytes(), want) {
					t.Errorf("committed %+v, %d bytes arrived of %d", c, got.Len(), len(want))
				}
			})
		})
	}
}

func TestBothEndsCountTheSameBytes(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		stats := make(chan Stats, 1)
		b.receive = func(ctx context.Context, in *Inbound) {
			if err := receiveAll(ctx, in, io.Discard); err != nil {
				t.Error(err)
			}
			stats <- in.Stats()
		}
		out, _ := begin(t, a, b)
		defer out.Close()
		if _, err := out.Write(make([]byte, 10<<20)); err != nil {
			t.Fatal(err)
		}
		if _, err := out.End(t.Context()); err != nil {
			t.Fatal(err)
		}
		s, r := out.Stats(), <-stats
		if s.RawBytes != 10<<20 || r.RawBytes != s.RawBytes || s.Lanes != 2 || r.Lanes != 2 {
			t.Errorf("source %+v, target %+v", s, r)
		}
		if c := s.Chunks; c.Raw+c.Fastest+c.Default != 10 || r.Chunks != (Chunks{}) {
			t.Errorf("source counts %+v of 10 chunks, target %+v", c, r.Chunks)
		}
		if s.DataBytes != r.DataBytes || s.DataBytes > (s.Chunks.Raw+1)<<20 {
			t.Errorf("data bytes %d and %d of 10 MiB zeros", s.DataBytes, r.DataBytes)
		}
		if out.Applied() != 10<<20 {
			t.Errorf("applied %d", out.Applied())
		}
	})
}

// begin opens a session from a to b and begins it, failing the test on error.
func begin(t *testing.T, a, b *node) (*Outbound, Have) {
	t.Helper()
	out, have, err := a.Offer(t.Context(), b.id, testOffer())
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Begin(t.Context(), Begin{}); err != nil {
		t.Fatal(err)
	}
	return out, have
}

func TestUnchangedOfferEndsWithoutBegin(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		held := []Held{{UUID: testOffer().Snapshot, CTransID: 99, Run: 6, Taken: time.Now().UTC()}}
		b.receive = func(ctx context.Context, in *Inbound) {
			if in.Peer() != a.id || in.PeerName() != "nas-0" || !in.Offer().Unchanged {
				t.Errorf("offer of %s %q: %+v", in.Peer(), in.PeerName(), in.Offer())
			}
			err := errors.Join(in.Have(ctx, Have{Snapshots: held}), in.Commit(ctx, Committed{Received: time.Now()}))
			if err != nil {
				t.Error(err)
			}
		}
		o := testOffer()
		o.Unchanged = true
		out, have, err := a.Offer(t.Context(), b.id, o)
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		if !slices.Equal(have.Snapshots, held) {
			t.Errorf("have %+v", have)
		}
		c, err := out.End(t.Context())
		if err != nil || !c.Unchanged || out.Stats().DataBytes != 0 {
			t.Errorf("committed %+v, %v, %+v", c, err, out.Stats())
		}
	})
}

func TestSmallRunUsesTheMeshConnection(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		result := b.keep(new(bytes.Buffer))
		if _, err := a.sendAll(t.Context(), b, randomBytes(1000), Begin{EstimateBytes: 1000}); err != nil {
			t.Fatal(err)
		}
		if err := <-result; err != nil {
			t.Fatal(err)
		}
		if n := len(b.conns.of(a.id)); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

func TestLanesShareTheMeshConnectionIfNoOtherCanBeHad(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		var got bytes.Buffer
		result := b.keep(&got)
		for a.conns.add(newTestLink(b.id, true)) == nil { //nolint:revive // fills the registry up
		}
		want := randomBytes(10 << 20)
		for _, l := range a.conns.of(b.id)[:1] {
			a.conns.remove(l)
		}
		if _, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.sendAll(t.Context(), b, want, Begin{}); err != nil {
			t.Fatal(err)
		}
		if err := <-result; err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%d bytes, %v", got.Len(), err)
		}
		for _, l := range a.conns.of(b.id) {
			if l.conn == nil {
				a.conns.remove(l)
			}
		}
	})
}

// newTestLink is an entry of a registry without a connection.
func newTestLink(peer certs.ID, dialled bool) *link {
	return &link{peer: peer, dialled: dialled, since: time.Now(), cause: func() error { return nil }}
}
