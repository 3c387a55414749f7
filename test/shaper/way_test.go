package shaper

import (
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// ends is what a way reads from and writes to in a test.
type ends struct {
	in  chan []byte
	out []time.Duration // when what came, since start
	got [][]byte
	at  time.Time
}

func (e *ends) Read(p []byte) (int, error) {
	data, ok := <-e.in
	if !ok {
		return 0, io.EOF
	}
	return copy(p, data), nil
}

func (e *ends) Write(p []byte) (int, error) {
	e.out, e.got = append(e.out, time.Since(e.at)), append(e.got, p)
	return len(p), nil
}

// onWay runs a way with a profile in a bubble, and ends it.
func onWay(t *testing.T, p Profile, use func(w *way, e *ends)) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		e := &ends{in: make(chan []byte), at: time.Now()}
		w := newWay(e, e, rand.New(rand.NewPCG(1, 1)))
		w.set(p)
		done := make(chan struct{})
		go w.take()
		go w.deliver(done)
		use(w, e)
		close(e.in)
		close(done)
	})
}

// settle lets virtual time pass, and all that happens in it.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestAWayDeliversWhenThePacketIsDue(t *testing.T) {
	onWay(t, Profile{Delay: 25 * time.Millisecond, Rate: 100_000}, func(w *way, e *ends) {
		for range 3 {
			e.in <- make([]byte, 125) // 10 ms each
		}
		settle(time.Second)
		for i, want := range []time.Duration{35 * time.Millisecond, 45 * time.Millisecond, 55 * time.Millisecond} {
			if i >= len(e.out) || e.out[i] != want {
				t.Fatalf("delivered at %v", e.out)
			}
		}
		if c := w.count(); c != (Counts{Packets: 3, Bytes: 375}) {
			t.Errorf("counts are %+v", c)
		}
	})
}

func TestAnOutageTakesWhatIsUnderWay(t *testing.T) {
	onWay(t, Profile{Delay: 25 * time.Millisecond}, func(w *way, e *ends) {
		e.in <- []byte("under way")
		synctest.Wait()
		w.set(Profile{Down: true})
		settle(100 * time.Millisecond)
		e.in <- []byte("during")
		settle(100 * time.Millisecond)
		w.set(Profile{})
		e.in <- []byte("after")
		settle(100 * time.Millisecond)
		if len(e.got) != 1 || string(e.got[0]) != "after" {
			t.Errorf("delivered are %q", e.got)
		}
		if c := w.count(); c != (Counts{Packets: 1, Bytes: 5, Cut: 2}) {
			t.Errorf("counts are %+v", c)
		}
	})
}

func TestAProfileChangesWhilePacketsAreUnderWay(t *testing.T) {
	onWay(t, Profile{Delay: time.Second}, func(w *way, e *ends) {
		e.in <- []byte("slow")
		synctest.Wait()
		w.set(Profile{})
		e.in <- []byte("fast")
		settle(2 * time.Second)
		if len(e.got) != 2 || string(e.got[0]) != "fast" {
			t.Errorf("delivered are %q", e.got)
		}
	})
}

func TestWhatIsUnderWayIsBounded(t *testing.T) {
	var f flight
	n := 0
	for f.add(time.Unix(1, 0), make([]byte, 1<<20)) {
		n++
	}
	if n != maxFlight>>20 {
		t.Errorf("%d MiB are under way", n)
	}
	if data, _ := f.next(time.Unix(2, 0)); len(data) != 1<<20 || !f.add(time.Unix(1, 0), data) {
		t.Error("a delivered packet leaves no room")
	}
}
