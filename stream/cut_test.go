package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"btrmesh/certs"
)

// A cut at any step must reach both ends as an error and leave no goroutine,
// which the bubble checks.
func TestCutFailsBothEndsAtEveryStep(t *testing.T) {
	for _, step := range []string{"have", "begin", "data", "end"} {
		for _, how := range []string{"disconnect by source", "disconnect by target", "silence", "source stops", "target stops"} {
			t.Run(step+" "+how, func(t *testing.T) {
				onNet(t, 2, latency, func(t *testing.T, f *fabric) {
					t.Helper()
					cutAt(t, f, step, how)
				})
			})
		}
	}
}

func cutAt(t *testing.T, f *fabric, step, how string) {
	t.Helper()
	a, b := f.nodes[0], f.nodes[1]
	cut := func() {
		switch how {
		case "disconnect by source":
			a.Disconnect(b.id, CodeRemoved, "removed")
		case "disconnect by target":
			b.Disconnect(a.id, CodeRemoved, "removed")
		case "silence":
			f.set(func() { f.drop = func(simnet.Packet) bool { return true } })
		case "source stops":
			a.stop()
		case "target stops":
			b.stop()
		}
	}
	done := make(chan error, 1)
	b.receive = func(ctx context.Context, in *Inbound) {
		err := in.Have(ctx, Have{})
		if step == "have" {
			cut()
		}
		if err == nil {
			_, err = in.Begin(ctx)
		}
		if step == "begin" {
			cut()
		}
		if err == nil {
			_, err = io.CopyN(io.Discard, goAhead(ctx, in), 5<<20)
		}
		if step == "data" {
			cut()
		}
		if err == nil {
			_, err = io.Copy(io.Discard, in)
		}
		if step == "end" && err == nil {
			cut()
			<-ctx.Done()
			err = context.Cause(ctx)
		}
		done <- err
	}
	start := time.Now()
	if c, err := a.sendAll(t.Context(), b, randomBytes(12<<20), Begin{}); err == nil {
		t.Errorf("source took %+v for success", c)
	} else if how == "disconnect by target" && !errors.As(err, new(*RemovedError)) {
		t.Errorf("source got %v", err)
	}
	if err := <-done; err == nil {
		t.Error("target got no error")
	}
	if took := time.Since(start); took > dataIdle+5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestCancelledSourceAbortsTheTarget(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		result := b.keep(new(bytes.Buffer))
		ctx, cancel := context.WithCancel(t.Context())
		out, _, err := a.Offer(ctx, b.id, testOffer())
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Begin(ctx, Begin{}); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		for err == nil {
			_, err = out.Write(randomBytes(maxChunk))
			time.Sleep(10 * time.Millisecond)
		}
		out.Close()
		if !errors.Is(err, context.Canceled) || time.Since(start) > 2*time.Second {
			t.Errorf("source got %v after %v", err, time.Since(start))
		}
		if err := <-result; !errors.Is(err, &Refusal{Code: Cancelled}) {
			t.Errorf("target got %v", err)
		}
	})
}

func TestAbortByTheSourceCarriesItsReason(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		result := f.nodes[1].keep(new(bytes.Buffer))
		out, _ := begin(t, f.nodes[0], f.nodes[1])
		defer out.Close()
		out.Abort(IO, "cannot read the share")
		if _, err := out.Write([]byte{1}); !errors.Is(err, ErrClosed) {
			t.Errorf("write after abort: %v", err)
		}
		err := <-result
		if r, ok := errors.AsType[*Refusal](err); !ok || r.Code != IO || r.Text != "cannot read the share" {
			t.Errorf("target got %v", err)
		}
	})
}

func TestHandlerThatJustReturnsAbortsTheSource(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		if _, err := f.nodes[0].sendAll(t.Context(), f.nodes[1], nil, Begin{}); !errors.Is(err, &Refusal{Code: Internal}) {
			t.Errorf("source got %v", err)
		}
	})
}

func TestEveryWaitEndsWithItsContext(t *testing.T) {
	hang := func(ctx context.Context, _ *Inbound) { <-ctx.Done() }
	steps := map[string]struct {
		receive func(context.Context, *Inbound)
		call    func(context.Context, *node, *node) error
	}{
		"offer": {hang, func(ctx context.Context, a, b *node) error {
			_, _, err := a.Offer(ctx, b.id, testOffer())
			return err
		}},
		"begin": {func(ctx context.Context, in *Inbound) {
			_ = in.Have(ctx, Have{})
			hang(ctx, in)
		}, func(ctx context.Context, a, b *node) error {
			out, _, err := a.Offer(context.WithoutCancel(ctx), b.id, testOffer())
			if err != nil {
				return err
			}
			defer out.Close()
			return out.Begin(ctx, Begin{})
		}},
		"end": {func(ctx context.Context, in *Inbound) {
			_ = in.Have(ctx, Have{})
			_, _ = in.Begin(ctx)
			_ = in.Go(ctx)
			hang(ctx, in)
		}, func(ctx context.Context, a, b *node) error {
			out, _, err := a.Offer(context.WithoutCancel(ctx), b.id, testOffer())
			if err != nil {
				return err
			}
			defer out.Close()
			if err := out.Begin(ctx, Begin{}); err != nil {
				return err
			}
			_, err = out.End(ctx)
			return err
		}},
		"query": {hang, func(ctx context.Context, a, b *node) error {
			b.answer = func(ctx context.Context, _ certs.ID, _ Query) (Answer, error) {
				<-ctx.Done()
				return Answer{}, ctx.Err()
			}
			_, err := a.Query(ctx, b.id, Query{Kind: QueryInfo})
			return err
		}},
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			onNet(t, 2, latency, func(t *testing.T, f *fabric) {
				t.Helper()
				f.nodes[1].receive = step.receive
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				start := time.Now()
				err := step.call(ctx, f.nodes[0], f.nodes[1])
				if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took > 4*time.Second {
					t.Errorf("%v after %v", err, took)
				}
				f.nodes[0].stop() // an asked peer learns of it when the connection ends
			})
		})
	}
}
