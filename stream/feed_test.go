package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"
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

// slowly passes on 32 KiB at a time, after a pause.
type slowly struct {
	io.Writer
	pause time.Duration
}

func (s slowly) Write(p []byte) (int, error) {
	time.Sleep(s.pause)
	return s.Writer.Write(p)
}

// lag makes the last node take 1 MiB in 3.2 s, and returns its result.
func lag(f *fabric, got *bytes.Buffer) <-chan error {
	result := make(chan error, 1)
	f.nodes[len(f.nodes)-1].receive = func(ctx context.Context, in *Inbound) {
		result <- receiveAll(ctx, in, slowly{got, 100 * time.Millisecond})
	}
	return result
}

// outrun writes data, and expects that the last session falls behind. What its
// target has got and not taken is not kept, and the others are a window ahead:
// less than 32 MiB may pass without.
func (n *fan) outrun(t *testing.T, data []byte) *BehindError {
	t.Helper()
	n.spool = 1 << 20
	n.write(t, data, noStep)
	last := len(n.outs) - 1
	for i := range last {
		n.committed(t, i, data)
	}
	_, err := n.outs[last].End(t.Context())
	behind, ok := errors.AsType[*BehindError](err)
	if !ok || behind.Bytes <= 0 || behind.Bytes >= int64(len(data)) || behind.Bytes != int64(behind.Chunks)<<20 {
		t.Fatalf("end of the slow one: %v", err)
	}
	ahead := int64(reach(usualLanes, 4*latency) + n.packer.depth() + 2)
	if most := n.blocks.most.Load(); most > n.spool+ahead<<20 {
		t.Errorf("the feed kept %d MiB", most>>20)
	}
	return behind
}

func TestSlowSessionFallsBehindAndGoesOnAlone(t *testing.T) {
	unraced(t)
	data := append(randomBytes(36<<20), 1)
	onNet(t, 3, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		var got bytes.Buffer
		var result <-chan error
		n := newFan(t, f, func() { result = lag(f, &got) })
		defer n.close()
		begun := time.Now()
		behind := n.outrun(t, data)
		if took := time.Since(begun); took > 90*time.Second {
			t.Errorf("the others took %v", took)
		}
		out := n.outs[1]
		skip, w, err := out.Continue()
		if err != nil || skip != behind.Bytes {
			t.Fatalf("continue from %d, %v", skip, err)
		}
		if _, err := io.Copy(w, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		c, err := out.End(t.Context())
		if err != nil || c.Bytes != int64(len(data)) {
			t.Fatalf("committed %+v, %v", c, err)
		}
		if err := <-result; err != nil || !bytes.Equal(got.Bytes(), data) {
			t.Errorf("%d bytes, %v", got.Len(), err)
		}
		if s := out.Stats(); s.RawBytes != int64(len(data)) || s.Chunks.Raw+s.Chunks.Fastest+s.Chunks.Default != 37 {
			t.Errorf("%+v", s)
		}
		if lent := n.blocks.out.Load() + out.feed.blocks.out.Load(); lent != 0 {
			t.Errorf("%d bytes are not given back", lent)
		}
	})
}

func TestStreamThatGoesOnDifferentlyIsNotSent(t *testing.T) {
	data := randomBytes(3 << 20)
	another := bytes.Clone(data)
	another[12345]++
	for name, second := range map[string][]byte{"another": another, "shorter": data[:1<<20], "empty": nil} {
		t.Run(name, func(t *testing.T) {
			onNet(t, 3, latency, func(t *testing.T, f *fabric) {
				t.Helper()
				var result <-chan error
				n := newFan(t, f, func() { result = lag(f, new(bytes.Buffer)) })
				defer n.close()
				for i := range 2 {
					if _, err := n.Write(data[i<<20 : (i+1)<<20]); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Second) // both are sent
				n.leaveBehind(n.outs[1].queue)
				_, w, err := n.outs[1].Continue()
				if err != nil {
					t.Fatal(err)
				}
				if _, err = w.Write(second); err == nil {
					_, err = n.outs[1].End(t.Context())
				}
				if !errors.Is(err, ErrDiverged) {
					t.Errorf("source got %v", err)
				}
				n.outs[1].Close()
				if _, ok := errors.AsType[*Refusal](<-result); !ok {
					t.Error("the target was not told")
				}
			})
		})
	}
}

func TestSessionThatIsAloneIsNeverLeftBehind(t *testing.T) {
	data := randomBytes(8 << 20)
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		var got bytes.Buffer
		n := newFan(t, f, func() { lag(f, &got) })
		defer n.close()
		n.spool = 1
		n.write(t, data, noStep)
		if _, err := n.outs[0].End(t.Context()); err != nil || !bytes.Equal(got.Bytes(), data) {
			t.Errorf("%d bytes, %v", got.Len(), err)
		}
		if _, _, err := n.outs[0].Continue(); err == nil {
			t.Error("it could go on, though it is not behind")
		}
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
