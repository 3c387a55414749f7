package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
)

func TestStallRule(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(1000+int64(s), 0) }
	cases := map[string]struct {
		report *progress // seen at second 30
		waits  bool
		want   bool // at second 60
	}{
		"nothing heard while data waits": {nil, true, true},
		"nothing waits":                  {nil, false, false},
		"starves, as before":             {&progress{Starved: true}, true, true},
		"starves, but took a chunk":      {&progress{Chunks: 1, Starved: true}, true, false},
		"starves, but bytes came":        {&progress{Bytes: stallBytes, Starved: true}, true, false},
		"starves, a header came":         {&progress{Bytes: chunkHead, Starved: true}, true, true},
		"slow, but has data":             {&progress{}, true, false},
		"starves, has all there is":      {&progress{Starved: true}, false, false},
		"applied more":                   {&progress{Applied: 1, Starved: true}, true, false},
	}
	for name, c := range cases {
		s := stall{moved: at(0)}
		if c.report != nil {
			s.seen(at(30), *c.report)
		}
		if got := s.stuck(at(60), c.waits); got != c.want {
			t.Errorf("%s: stuck is %v", name, got)
		}
	}
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
