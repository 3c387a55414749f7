package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

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
