package stream

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// brittle is a carrier that breaks in the middle of a Write.
type brittle struct {
	carrier
	left int // bytes that it takes
}

func (b *brittle) Write(p []byte) (int, error) {
	if len(p) <= b.left {
		b.left -= len(p)
		return b.carrier.Write(p)
	}
	n, _ := b.carrier.Write(p[:b.left])
	b.cut()
	return n, fmt.Errorf("cut after %d bytes: %w", n, ErrLost)
}

// beginOn is begin with lanes that went through change.
func beginOn(t *testing.T, a, b *node, change func(serial uint32, plain bool, c carrier) carrier) *Outbound {
	t.Helper()
	out, _, err := a.Offer(t.Context(), b.id, testOffer())
	if err != nil {
		t.Fatal(err)
	}
	out.crew = out.newCrew(Begin{})
	open := out.crew.open
	out.crew.open = func(ctx context.Context, serial uint32, kind LaneKind, plain bool) (carrier, error) {
		c, err := open(ctx, serial, kind, plain)
		if err != nil {
			return nil, err
		}
		return change(serial, plain, c), nil
	}
	if err := out.send(t.Context(), Begin{}); err != nil {
		t.Fatal(err)
	}
	<-out.granted
	out.start(t.Context())
	return out
}

func TestRunSurvivesLanesThatBreakAnywhereInAChunk(t *testing.T) {
	const whole = chunkHead + maxChunk
	data := randomBytes(3 << 20)
	for _, at := range []int{0, 1, chunkHead - 1, chunkHead, chunkHead + 1, maxChunk / 2, whole - 1, whole, whole + 1} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			onNet(t, 2, latency, func(t *testing.T, f *fabric) {
				t.Helper()
				var got bytes.Buffer
				result := f.nodes[1].keep(&got)
				out := beginOn(t, f.nodes[0], f.nodes[1], func(serial uint32, _ bool, c carrier) carrier {
					if serial < 3 {
						return &brittle{c, at}
					}
					return c
				})
				defer out.Close()
				out.arrives(t, data, result, &got)
				if s := out.Stats(); s.Replaced == 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// arrives writes data and checks that the target has committed it.
func (o *Outbound) arrives(t *testing.T, data []byte, result <-chan error, got *bytes.Buffer) {
	t.Helper()
	if _, err := o.Write(data); err != nil {
		t.Fatal(err)
	}
	if _, err := o.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil || !bytes.Equal(got.Bytes(), data) {
		t.Errorf("%d bytes of %d, %v", got.Len(), len(data), err)
	}
}

func TestRunSurvivesTheEndOfAllItsLanesAgainAndAgain(t *testing.T) {
	const rounds = 5
	kill := map[string]func(*laneSet, *Inbound){
		"connections": func(s *laneSet, _ *Inbound) { s.cut() },
		"streams, by the target": func(_ *laneSet, in *Inbound) {
			in.intake.mu.Lock()
			defer in.intake.mu.Unlock()
			for _, la := range in.intake.lanes {
				la.cut()
			}
		},
	}
	for name, kill := range kill {
		t.Run(name, func(t *testing.T) {
			onNet(t, 2, latency, func(t *testing.T, f *fabric) {
				t.Helper()
				var got bytes.Buffer
				target, result := make(chan *Inbound, 1), make(chan error, 1)
				f.nodes[1].receive = func(ctx context.Context, in *Inbound) {
					target <- in
					result <- receiveAll(ctx, in, &got)
				}
				set := new(laneSet)
				out := beginOn(t, f.nodes[0], f.nodes[1], set.add)
				defer out.Close()
				in := <-target
				data := randomBytes((rounds + 1) << 20)
				for i := range rounds {
					if _, err := out.Write(data[i<<20 : (i+1)<<20]); err != nil {
						t.Fatal(err)
					}
					time.Sleep(3 * time.Second / 2)
					kill(set, in)
				}
				if _, err := out.Write(data[rounds<<20:]); err != nil {
					t.Fatal(err)
				}
				if _, err := out.End(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := <-result; err != nil || !bytes.Equal(got.Bytes(), data) {
					t.Errorf("%d bytes of %d, %v", got.Len(), len(data), err)
				}
				if s := out.Stats(); s.Replaced < rounds || s.Lanes > maxLanes {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// laneSet is all lanes that were opened.
type laneSet struct {
	mu   sync.Mutex
	open []carrier
}

func (s *laneSet) add(_ uint32, _ bool, c carrier) carrier {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, c)
	return c
}

func (s *laneSet) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.open {
		c.cut()
	}
}

// blackHole is a carrier on which nothing arrives.
type blackHole struct{ carrier }

func (blackHole) Write(p []byte) (int, error) { return len(p), nil }

func TestLaneInABlackHoleIsReplacedByAPlainOne(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		var got bytes.Buffer
		result := f.nodes[1].keep(&got)
		out := beginOn(t, f.nodes[0], f.nodes[1], func(_ uint32, plain bool, c carrier) carrier {
			if plain {
				return c
			}
			return blackHole{c}
		})
		defer out.Close()
		out.arrives(t, randomBytes(3<<20), result, &got)
		if s := out.Stats(); s.Replaced != usualLanes {
			t.Errorf("%+v", s)
		}
	})
}
