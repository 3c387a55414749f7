package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
)

// fan is a feed with one session to each node but the first.
type fan struct {
	*Feed
	outs    []*Outbound
	got     []*bytes.Buffer // at the targets
	results []<-chan error  // of them
	cancels []context.CancelFunc
}

// newFan begins a session from the first node of f to each other one, all of one
// feed. change may give a target another receiver.
func newFan(t *testing.T, f *fabric, change func()) *fan {
	t.Helper()
	n := &fan{Feed: NewFeed(slog.New(slog.DiscardHandler))}
	for _, b := range f.nodes[1:] {
		got := new(bytes.Buffer)
		n.got, n.results = append(n.got, got), append(n.results, b.keep(got))
	}
	change()
	for _, b := range f.nodes[1:] {
		ctx, cancel := context.WithCancel(t.Context())
		out, _, err := f.nodes[0].Offer(ctx, b.id, testOffer())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(out.Begin(ctx, Begin{}), out.Follow(n.Feed)); err != nil {
			t.Fatal(err)
		}
		n.outs, n.cancels = append(n.outs, out), append(n.cancels, cancel)
	}
	return n
}

// close closes all sessions, as every caller does in the end.
func (n *fan) close() {
	for i, out := range n.outs {
		out.Close()
		n.cancels[i]()
	}
	n.Abort(ErrClosed)
}

// write writes all of data and ends the feed. Before each MiB it calls step.
func (n *fan) write(t *testing.T, data []byte, step func(mib int)) {
	t.Helper()
	for i := 0; i < len(data); i += maxChunk {
		step(i / maxChunk)
		if _, err := n.Write(data[i:min(i+maxChunk, len(data))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.End(); err != nil {
		t.Fatal(err)
	}
}

// committed checks that target i has got want.
func (n *fan) committed(t *testing.T, i int, want []byte) {
	t.Helper()
	if c, err := n.outs[i].End(t.Context()); err != nil || c.Bytes != int64(len(want)) {
		t.Errorf("target %d: committed %+v, %v", i, c, err)
	}
	if err := <-n.results[i]; err != nil || !bytes.Equal(n.got[i].Bytes(), want) {
		t.Errorf("target %d: %d bytes of %d, %v", i, n.got[i].Len(), len(want), err)
	}
}

func nothing()   {}
func noStep(int) {}

func TestFeedTakesTheSameStreamToAllItsSessions(t *testing.T) {
	for name, data := range map[string][]byte{"empty": nil, "some": append(randomBytes(2<<20), make([]byte, 1<<20+1)...)} {
		t.Run(name, func(t *testing.T) {
			onNet(t, 4, latency, func(t *testing.T, f *fabric) {
				t.Helper()
				n := newFan(t, f, nothing)
				defer n.close()
				n.write(t, data, noStep)
				for i := range n.outs {
					n.committed(t, i, data)
				}
				if out := n.blocks.out.Load(); out != 0 {
					t.Errorf("%d bytes are not given back", out)
				}
			})
		})
	}
}

func TestSessionThatEndsDoesItsFeedNoHarm(t *testing.T) {
	data := randomBytes(4 << 20)
	ends := map[string]func(f *fabric, n *fan){
		"target dies":       func(f *fabric, _ *fan) { f.nodes[2].stop() },
		"source cancels":    func(_ *fabric, n *fan) { n.cancels[1]() },
		"source closes":     func(_ *fabric, n *fan) { n.outs[1].Close() },
		"source aborts":     func(_ *fabric, n *fan) { n.outs[1].Abort(IO, "enough") },
		"target refuses":    func(*fabric, *fan) {},
		"connection is cut": func(f *fabric, _ *fan) { f.nodes[2].Disconnect(f.nodes[0].id, CodeRemoved, "removed") },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			onNet(t, 4, latency, func(t *testing.T, f *fabric) {
				t.Helper()
				n := newFan(t, f, func() {
					if name == "target refuses" {
						f.nodes[2].receive = refuseAfter(1 << 20)
					}
				})
				defer n.close()
				n.write(t, data, func(mib int) {
					if mib == 2 {
						end(f, n)
					}
				})
				n.committed(t, 0, data)
				n.committed(t, 2, data)
				if c, err := n.outs[1].End(t.Context()); err == nil {
					t.Errorf("committed %+v", c)
				}
			})
		})
	}
}

// refuseAfter returns a receiver that refuses after so many bytes.
func refuseAfter(bytes int64) func(context.Context, *Inbound) {
	return func(ctx context.Context, in *Inbound) {
		_ = in.Have(ctx, Have{})
		_, _ = in.Begin(ctx)
		_, _ = io.CopyN(io.Discard, goAhead(ctx, in), bytes)
		_ = in.Refuse(ctx, NoSpace, "full")
	}
}

func TestFeedEndsWithItsLastSession(t *testing.T) {
	onNet(t, 3, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		n := newFan(t, f, nothing)
		defer n.close()
		n.outs[0].Close()
		n.cancels[1]()
		var err error
		for err == nil {
			_, err = n.Write(randomBytes(maxChunk))
		}
		if !errors.Is(err, errAlone) || !errors.Is(n.End(), errAlone) {
			t.Errorf("write: %v", err)
		}
	})
}

func TestAbortOfAFeedEndsItsSessions(t *testing.T) {
	onNet(t, 3, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		n := newFan(t, f, nothing)
		defer n.close()
		if _, err := n.Write(make([]byte, 3<<20+1)); err != nil {
			t.Fatal(err)
		}
		why := errors.New("the share is gone")
		n.Abort(why)
		if _, err := n.Write([]byte{1}); !errors.Is(err, why) {
			t.Errorf("write: %v", err)
		}
		if err := n.End(); !errors.Is(err, why) {
			t.Errorf("end of the feed: %v", err)
		}
		for _, out := range n.outs {
			if _, err := out.End(t.Context()); !errors.Is(err, why) {
				t.Errorf("end: %v", err)
			}
		}
	})
}

func TestEndedFeedTakesNoMoreAndCannotBeAborted(t *testing.T) {
	onNet(t, 3, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		data := randomBytes(3 << 20)
		n := newFan(t, f, nothing)
		defer n.close()
		n.write(t, data, noStep)
		n.Abort(errors.New("too late"))
		if _, err := n.Write([]byte{1}); !errors.Is(err, ErrMisuse) {
			t.Errorf("write: %v", err)
		}
		if err := n.End(); !errors.Is(err, ErrMisuse) {
			t.Errorf("second end: %v", err)
		}
		n.committed(t, 0, data)
		n.committed(t, 1, data)
	})
}

func TestChunkGoesEarlyWhileItsSessionHasLittleToDo(t *testing.T) {
	f, q := NewFeed(slog.New(slog.DiscardHandler)), newQueue(windowSize, func(error) {})
	defer f.Abort(ErrClosed)
	if err := f.follow(q); err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct{ write, chunks int }{
		{leastEarly - 1, 0},
		{1, 1},
		{leastEarly, 2},
		{leastEarly, 2},
		{leastEarly, 3},
		{4 * leastEarly, 4},
		{maxChunk - 1, 4}, // the session has enough to do
		{1, 5},
	} {
		if _, err := f.Write(make([]byte, step.write)); err != nil {
			t.Fatal(err)
		}
		if got := q.outstanding(); got != step.chunks {
			t.Errorf("step %d: %d chunks are handed over, want %d", i, got, step.chunks)
		}
	}
}
