package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

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

func TestRefusalReachesTheSourceAtEveryStep(t *testing.T) {
	refuse := func(ctx context.Context, in *Inbound) error {
		return in.Refuse(ctx, NoSpace, "40 GiB free", "reserve 5%")
	}
	steps := map[string]func(context.Context, *Inbound) error{
		"offer": refuse,
		"begin": func(ctx context.Context, in *Inbound) error {
			_, err := errors.Join(in.Have(ctx, Have{})), error(nil)
			_, err = in.Begin(ctx)
			return errors.Join(err, refuse(ctx, in))
		},
		"mid stream": func(ctx context.Context, in *Inbound) error {
			err := in.Have(ctx, Have{})
			_, err2 := in.Begin(ctx)
			_, err3 := io.CopyN(io.Discard, goAhead(ctx, in), 5<<20)
			return errors.Join(err, err2, err3, refuse(ctx, in))
		},
		"instead of commit": func(ctx context.Context, in *Inbound) error {
			err := in.Have(ctx, Have{})
			_, err2 := in.Begin(ctx)
			_, err3 := io.Copy(io.Discard, goAhead(ctx, in))
			return errors.Join(err, err2, err3, refuse(ctx, in))
		},
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			onNet(t, 2, latency, func(t *testing.T, f *fabric) {
				t.Helper()
				a, b := f.nodes[0], f.nodes[1]
				done := make(chan error, 1)
				b.receive = func(ctx context.Context, in *Inbound) { done <- step(ctx, in) }
				_, err := a.sendAll(t.Context(), b, randomBytes(24<<20), Begin{})
				r, ok := errors.AsType[*Refusal](err)
				if !ok || r.Code != NoSpace || r.Text != "40 GiB free" || !slices.Equal(r.Facts, []string{"reserve 5%"}) {
					t.Errorf("source got %v", err)
				}
				if err == nil || !strings.Contains(err.Error(), "(remote)") || !errors.Is(err, &Refusal{Code: NoSpace}) {
					t.Errorf("source got %v", err)
				}
				if err := <-done; err != nil {
					t.Errorf("target got %v", err)
				}
			})
		})
	}
}

// goAhead lets the source send and returns its stream.
func goAhead(ctx context.Context, in *Inbound) io.Reader {
	if err := in.Go(ctx); err != nil {
		return io.LimitReader(nil, 0)
	}
	return in
}

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

func TestRevokedPeerIsOutInTheMiddleOfARun(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		result := b.keep(new(bytes.Buffer))
		out, _ := begin(t, a, b)
		defer out.Close()
		f.set(func() { delete(f.members, a.id) })
		b.Disconnect(a.id, CodeRemoved, "removed")
		var err error
		for err == nil {
			_, err = out.Write(randomBytes(maxChunk))
		}
		if removed, ok := errors.AsType[*RemovedError](err); !ok || removed.Peer != b.id {
			t.Errorf("source got %v", err)
		}
		if err := <-result; !errors.Is(err, ErrLost) {
			t.Errorf("target got %v", err)
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

func TestSlowReaderHoldsTheSourceBack(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		resume := make(chan struct{})
		result := make(chan error, 1)
		b.receive = func(ctx context.Context, in *Inbound) {
			_ = in.Have(ctx, Have{})
			_, _ = in.Begin(ctx)
			r := goAhead(ctx, in)
			<-resume
			n, err := io.Copy(io.Discard, r)
			if err == nil {
				err = in.Commit(ctx, Committed{Bytes: n})
			}
			result <- err
		}
		out, _ := begin(t, a, b)
		defer out.Close()
		const size = 100 << 20
		sent := make(chan error, 1)
		go func() {
			chunk := randomBytes(maxChunk)
			var err error
			for n := 0; n < size && err == nil; n += len(chunk) {
				_, err = out.Write(chunk)
			}
			sent <- err
		}()
		time.Sleep(5 * time.Minute) // far beyond the watchdog: slow is not stuck
		synctest.Wait()
		if taken := out.Stats().RawBytes; taken > 64<<20 {
			t.Errorf("%d MiB taken although nobody reads", taken>>20)
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		if m.HeapAlloc > 200<<20 {
			t.Errorf("heap of %d MiB for both ends", m.HeapAlloc>>20)
		}
		close(resume)
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		if c, err := out.End(t.Context()); err != nil || c.Bytes != size {
			t.Errorf("committed %+v, %v", c, err)
		}
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}

// Packets beyond 1300 bytes vanish, as behind a path whose MTU has shrunk: the
// small ones of the mesh connection still pass, and no connection times out.
func TestWatchdogEndsARunThatStarves(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		result := b.keep(new(bytes.Buffer))
		out, _ := begin(t, a, b)
		if _, err := out.Write(randomBytes(10 << 20)); err != nil {
			t.Fatal(err)
		}
		f.set(func() { f.drop = func(p simnet.Packet) bool { return len(p.Data) > 1000 } })
		start := time.Now()
		var err error
		for err == nil {
			_, err = out.Write(randomBytes(maxChunk))
		}
		took := time.Since(start)
		if !errors.Is(err, ErrStalled) || took < stallAfter || took > stallAfter+3*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		out.Close()
		if err := <-result; !errors.Is(err, &Refusal{Code: IO}) {
			t.Errorf("target got %v", err)
		}
	})
}

func TestRunSurvivesAnOutageOfFourSeconds(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		var got bytes.Buffer
		result := b.keep(&got)
		out, _ := begin(t, a, b)
		defer out.Close()
		for i := range 20 {
			if i == 10 {
				f.set(func() { f.drop = func(simnet.Packet) bool { return true } })
				time.AfterFunc(4*time.Second, func() { f.set(func() { f.drop = nil }) })
			}
			if _, err := out.Write(randomBytes(maxChunk)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := out.End(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-result; err != nil || got.Len() != 20<<20 {
			t.Errorf("%d bytes, %v", got.Len(), err)
		}
	})
}

func TestSourceThatLiesAboutItsTotalsIsRefused(t *testing.T) {
	lies := map[string]func(*end){
		"hash":   func(e *end) { e.XXH64++ },
		"bytes":  func(e *end) { e.Bytes++ },
		"fewer":  func(e *end) { e.Chunks-- },
		"backed": func(e *end) { e.Chunks = 0 },
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			onNet(t, 2, latency, func(t *testing.T, f *fabric) {
				t.Helper()
				result := f.nodes[1].keep(new(bytes.Buffer))
				out, _ := begin(t, f.nodes[0], f.nodes[1])
				defer out.Close()
				if _, err := out.Write(make([]byte, 5*maxChunk)); err != nil {
					t.Fatal(err)
				}
				if err := out.feed.End(); err != nil {
					t.Fatal(err)
				}
				all, err := out.awaitAll()
				if err != nil {
					t.Fatal(err)
				}
				e := end{Bytes: all.bytes, Chunks: all.chunks, XXH64: all.digest()}
				lie(&e)
				if err := out.send(t.Context(), e); err != nil {
					t.Fatal(err)
				}
				if _, err := reply[Committed](t.Context(), out); !errors.Is(err, &Refusal{Code: BadStream}) {
					t.Errorf("source got %v", err)
				}
				if err := <-result; !errors.Is(err, ErrBadStream) {
					t.Errorf("target got %v", err)
				}
			})
		})
	}
}

func TestCorruptChunkFailsTheRun(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		result := f.nodes[1].keep(new(bytes.Buffer))
		out, _ := begin(t, f.nodes[0], f.nodes[1])
		defer out.Close()
		// As if memory had flipped a bit after the checksum was taken.
		c := &parcel{block: []byte("data"), header: chunkHeader{raw: 4, encoded: 4, sum: 1}, from: new(blocks)}
		c.packed.Store(true)
		if err := out.ownFeed(); err != nil {
			t.Fatal(err)
		}
		out.queue.push(c, mark{chunks: 1, bytes: 4})
		out.queue.notice()
		if _, err := out.End(t.Context()); !errors.Is(err, &Refusal{Code: BadStream}) {
			t.Errorf("source got %v", err)
		}
		if err := <-result; !errors.Is(err, ErrBadStream) {
			t.Errorf("target got %v", err)
		}
	})
}

func TestSessionRefusesStepsOutOfOrder(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		a, b := f.nodes[0], f.nodes[1]
		result := make(chan error, 1)
		b.receive = func(ctx context.Context, in *Inbound) {
			if err := in.Go(ctx); !errors.Is(err, ErrMisuse) {
				result <- fmt.Errorf("go before begin: %w", err)
				return
			}
			if err := in.Commit(ctx, Committed{}); !errors.Is(err, ErrMisuse) {
				result <- fmt.Errorf("commit before the stream has ended: %w", err)
				return
			}
			result <- receiveAll(ctx, in, io.Discard)
		}
		out, _, err := a.Offer(t.Context(), b.id, testOffer())
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		if _, err := out.Write([]byte{1}); !errors.Is(err, ErrMisuse) {
			t.Errorf("write before begin: %v", err)
		}
		if err := out.Begin(t.Context(), Begin{}); err != nil {
			t.Fatal(err)
		}
		if err := out.Begin(t.Context(), Begin{}); !errors.Is(err, ErrMisuse) {
			t.Errorf("second begin: %v", err)
		}
		if _, err := out.End(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-result; err != nil {
			t.Error(err)
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
