package stream

import (
	"bytes"
	"context"
	"errors"
	"math"
	"testing"
	"time"
)

// sentTo returns a queue of 8 chunks, of which a lane has taken the first 4 but
// chunk 2, which is not packed.
func sentTo(t *testing.T) *queue {
	t.Helper()
	q := newQueue(windowSize, func(err error) { t.Error(err) })
	q.join(0)
	for n := range uint64(8) {
		c := &parcel{header: chunkHeader{number: n, raw: 1}, block: []byte{1}, from: new(blocks)}
		c.packed.Store(n != 2)
		c.keep() // the feed's
		q.push(c, mark{chunks: n + 1, bytes: int64(n) + 1})
	}
	for range 3 {
		if c, _ := q.tryTake(0); c == nil {
			t.Fatal("nothing to take")
		}
	}
	return q
}

func TestAcknowledgementOfASoundTargetIsTaken(t *testing.T) {
	q := sentTo(t)
	for _, p := range []progress{{}, {Beyond: 0b1}, {Beyond: 0b1011}, {Chunks: 1, Beyond: 0b101}, {Chunks: 2, Beyond: 0b10}, {Chunks: 2}} {
		if err := q.ack(p); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
	if s := q.standing(); s.first != 2 || s.sent != 4 {
		t.Errorf("%+v", s)
	}
	if n, _ := q.unconfirmed(0); n != 0 {
		t.Errorf("%d unconfirmed", n)
	}
}

func TestAcknowledgementNoSoundTargetGivesIsRefused(t *testing.T) {
	cases := map[string][]progress{
		"more than sent":           {{Chunks: 5}},
		"beyond what was sent":     {{Beyond: 1 << 4}},
		"all beyond":               {{Beyond: math.MaxUint32}},
		"between, but not sent":    {{Beyond: 1 << 2}},
		"taken, but not sent":      {{Chunks: 3}},
		"backwards":                {{Chunks: 2}, {Chunks: 1}},
		"far beyond":               {{Chunks: math.MaxUint64}},
		"so far that it overflows": {{Chunks: math.MaxUint64, Beyond: 1}},
		"around the corner":        {{Chunks: math.MaxUint64 - 1, Beyond: 0b111}},
	}
	for name, reports := range cases {
		t.Run(name, func(t *testing.T) {
			q := sentTo(t)
			var err error
			for _, p := range reports {
				err = q.ack(p)
			}
			if !errors.Is(err, ErrBadStream) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// FuzzAck lets a target say anything, twice.
func FuzzAck(f *testing.F) {
	f.Add(uint64(1), uint32(5), uint64(2), uint32(2))
	f.Add(uint64(math.MaxUint64), uint32(1), uint64(0), uint32(0))
	f.Fuzz(func(t *testing.T, c1 uint64, b1 uint32, c2 uint64, b2 uint32) {
		q := sentTo(t)
		for _, p := range []progress{{Chunks: c1, Beyond: b1}, {Chunks: c2, Beyond: b2}} {
			if err := q.ack(p); err != nil && !errors.Is(err, ErrBadStream) {
				t.Error(err)
			}
		}
		if s := q.standing(); s.first > s.sent || s.sent != 4 {
			t.Errorf("%+v", s)
		}
	})
}

func TestTargetThatReportsNonsenseLosesItsSession(t *testing.T) {
	reports := map[string]progress{
		"chunks":  {Chunks: 1 << 40},
		"beyond":  {Chunks: math.MaxUint64, Beyond: 1},
		"on lane": {Roll: true, Lanes: []laneReport{{Serial: 0, Bytes: 1 << 50}}},
	}
	for name, p := range reports {
		t.Run(name, func(t *testing.T) {
			onNet(t, 2, latency, func(t *testing.T, f *fabric) {
				t.Helper()
				ended := make(chan error, 1)
				f.nodes[1].receive = func(ctx context.Context, in *Inbound) {
					_ = in.Have(ctx, Have{})
					_, _ = in.Begin(ctx)
					_ = in.Go(ctx)
					time.Sleep(time.Second) // the lanes are open
					_ = in.wire.send(p)
					<-ctx.Done()
					ended <- in.cause()
				}
				out, _ := begin(t, f.nodes[0], f.nodes[1])
				if _, err := out.End(t.Context()); !errors.Is(err, ErrBadStream) {
					t.Errorf("source got %v", err)
				}
				out.Close()
				if err := <-ended; !errors.Is(err, &Refusal{Code: BadStream}) {
					t.Errorf("target got %v", err)
				}
			})
		})
	}
}

func TestFloodOfLanesIsKeptOut(t *testing.T) {
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		var got bytes.Buffer
		result := f.nodes[1].keep(&got)
		out, _ := begin(t, f.nodes[0], f.nodes[1])
		defer out.Close()
		time.Sleep(time.Second)
		refused := 0
		for serial := range uint32(maxLanes + spareLanes) {
			s, err := out.link.conn.OpenUniStream()
			if err != nil {
				t.Fatal(err)
			}
			defer s.CancelWrite(0)
			if _, err := s.Write(laneHeader(out.token, 100+serial)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			if s.Context().Err() != nil {
				refused++
			}
		}
		if refused != usualLanes {
			t.Errorf("%d refused", refused)
		}
		data := randomBytes(3 << 20)
		if _, err := out.Write(data); err != nil {
			t.Fatal(err)
		}
		if _, err := out.End(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-result; err != nil || !bytes.Equal(got.Bytes(), data) {
			t.Errorf("%d bytes, %v", got.Len(), err)
		}
	})
}

func TestQuietLaneMakesRoomForAnother(t *testing.T) {
	k := newIntake()
	if _, err := k.admit(0, idleLane{}); !errors.Is(err, errNoSession) {
		t.Errorf("before go: %v", err)
	}
	k.start()
	for serial := range uint32(maxLanes + spareLanes) {
		if _, err := k.admit(serial, idleLane{}); err != nil {
			t.Fatal(err)
		}
	}
	k.lanes[5].bytes.Add(1) // moved once
	for range quietAfter {
		if _, err := k.admit(200, idleLane{}); !errors.Is(err, errNoSession) {
			t.Errorf("beside %d others: %v", len(k.lanes), err)
		}
		k.used, k.newest = 1<<18-1, 17 // as before
		k.roll()
	}
	k.lanes[5].bytes.Add(1)
	k.roll()
	for serial := range uint32(maxLanes + spareLanes) {
		_, err := k.admit(18+serial, idleLane{})
		if last := serial == maxLanes+spareLanes-1; (err != nil) != last {
			t.Errorf("lane %d: %v", 18+serial, err)
		}
	}
	if _, open := k.lanes[5]; !open || len(k.lanes) != maxLanes+spareLanes {
		t.Errorf("%d lanes, the busy one among them: %v", len(k.lanes), open)
	}
}

// idleLane is a lane on which nothing comes.
type idleLane struct{}

func (idleLane) Read([]byte) (int, error) { return 0, errors.New("nothing comes") }
func (idleLane) cut()                     {}
func (idleLane) kind() LaneKind           { return LaneQUIC }
