package stream

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
)

// refusedWith opens a stream on l, writes b and returns the code it is
// refused with, or -1 if it is not refused within a second.
func refusedWith(t *testing.T, l *link, b []byte) int {
	t.Helper()
	s, err := l.conn.OpenUniStream()
	if err != nil {
		t.Fatal(err)
	}
	defer s.CancelWrite(0)
	if _, err := s.Write(b); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Context().Done():
	case <-time.After(time.Second):
		return -1
	}
	refused, ok := errors.AsType[*quic.StreamError](context.Cause(s.Context()))
	if !ok || !refused.Remote {
		t.Fatalf("stream ended with %v", context.Cause(s.Context()))
	}
	return int(refused.ErrorCode)
}

func TestLaneMustBelongToASessionThatWaitsForIt(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		proceed, begun := make(chan struct{}), make(chan struct{})
		b.receive = func(ctx context.Context, in *Inbound) {
			_ = in.Have(ctx, Have{})
			_, _ = in.Begin(ctx)
			close(begun)
			<-proceed
			_ = in.Go(ctx)
			<-ctx.Done()
		}
		out, _, err := a.Offer(t.Context(), b.id, testOffer())
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		if err := out.send(t.Context(), Begin{}); err != nil {
			t.Fatal(err)
		}
		<-begun
		check := func(what string, header []byte, want int) {
			t.Helper()
			if got := refusedWith(t, out.link, header); got != want {
				t.Errorf("%s: code %d, want %d", what, got, want)
			}
		}
		check("before go", laneHeader(out.token, 0), int(CodeUnknown))
		close(proceed)
		<-out.granted
		check("unknown token", laneHeader(bytes16{1}, 0), int(CodeUnknown))
		check("other protocol", slices.Concat([]byte{9}, laneHeader(out.token, 0)[1:]), int(CodeProtocol))
		check("other kind", slices.Concat([]byte{1, byte(kindQuery)}, laneHeader(out.token, 0)[2:]), int(CodeProtocol))
		check("first", laneHeader(out.token, 1), -1)
		check("used", laneHeader(out.token, 1), int(CodeUnknown))
		check("late, but new", laneHeader(out.token, 0), -1)
	})
}

func TestStreamOfAnotherProtocolIsRefused(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		if _, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo}); err != nil {
			t.Fatal(err)
		}
		l := a.conns.best(b.id)
		for _, kind := range []streamKind{kindGreet, kindPair, kindLane, 99} {
			_, err := exchange[Answer](t.Context(), l, kind, Query{})
			if _, ok := errors.AsType[*ProtocolError](err); !ok {
				t.Errorf("kind %d: %v", kind, err)
			}
		}
		if _, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo}); err != nil {
			t.Errorf("the connection did not survive: %v", err)
		}
	})
}

func TestSilentStreamIsGivenUp(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		if _, err := a.Query(t.Context(), b.id, Query{Kind: QueryInfo}); err != nil {
			t.Fatal(err)
		}
		w, err := openWire(t.Context(), a.conns.best(b.id), kindQuery)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.stream.Write([]byte{protocolVersion}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = w.receive()
		if took := time.Since(start); err == nil || took > firstWords+time.Second {
			t.Errorf("%v after %v", err, took)
		}
		w.abandon(CodeCancelled)
	})
}
