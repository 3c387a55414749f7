package stream

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// drainBytes takes n bytes of r in pieces and returns how long that took.
func drainBytes(r *Rate, n int) time.Duration {
	begun := time.Now()
	for n > 0 {
		piece := n
		if most := r.piece(); most > 0 {
			piece = min(n, most)
		}
		if !r.wait(nil, piece) {
			break
		}
		n -= piece
	}
	return time.Since(begun)
}

// wantAbout fails unless got is want within 2 %.
func wantAbout(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if diff := (got - want).Abs(); diff > want/50+pieceTime {
		t.Errorf("%s took %v, want %v", what, got, want)
	}
}

func TestRateLetsThroughWhatItSays(t *testing.T) {
	for _, limit := range []int64{10_000, 1e6, 100e6, 1e9} {
		synctest.Test(t, func(t *testing.T) {
			wantAbout(t, "ten seconds' worth", drainBytes(NewRate(limit), int(limit)*10), 10*time.Second)
		})
	}
}

func TestRateOfZeroLetsAllThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var none *Rate
		for _, r := range []*Rate{none, NewRate(0), NewRate(-1)} {
			if took := drainBytes(r, 1<<30); took != 0 || r.Limit() != 0 {
				t.Errorf("took %v at %d", took, r.Limit())
			}
		}
	})
}

func TestRateChangesInTheMiddle(t *testing.T) {
	for name, c := range map[string]struct {
		from, to int64 // bytes/s; to is set after a second
		bytes    int
		want     time.Duration
	}{
		"up":   {1000e3, 9000e3, 10e6, 2 * time.Second},
		"down": {9000e3, 1000e3, 10e6, 2 * time.Second},
		"off":  {1000e3, 0, 10e6, time.Second},
		"on":   {5000e3, 5000e3, 10e6, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := NewRate(c.from)
				time.AfterFunc(time.Second, func() { r.Set(c.to) })
				wantAbout(t, name, drainBytes(r, c.bytes), c.want)
			})
		})
	}
}

func TestRateChangeReachesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRate(1)
		r.wait(nil, 1<<20) // a debt of twelve days
		time.AfterFunc(time.Second, func() { r.Set(0) })
		begun := time.Now()
		r.wait(nil, 1)
		if took := time.Since(begun); took != time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestRateIsSharedFairly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRate(1e6)
		var got [4]int
		var all sync.WaitGroup
		done := make(chan struct{})
		for i := range got {
			all.Go(func() {
				for n := r.piece(); r.wait(done, n); {
					got[i] += n
				}
			})
		}
		time.Sleep(10 * time.Second)
		close(done)
		all.Wait()
		for i, n := range got {
			if n < 2.4e6 || n > 2.6e6 {
				t.Errorf("waiter %d got %d bytes of 10 MB", i, n)
			}
		}
	})
}

func TestRateRemembersWhatWasSentUnasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRate(1e6)
		r.charge(3e6)
		wantAbout(t, "the debt and two seconds' worth", drainBytes(r, 2e6), 5*time.Second)
	})
}

func TestIdleRateSavesNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRate(1e6)
		drainBytes(r, 1e6)
		time.Sleep(time.Hour)
		wantAbout(t, "ten seconds' worth", drainBytes(r, 10e6), 10*time.Second)
	})
}

func TestWaiterLeavesWhenDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, done := NewRate(1), make(chan struct{})
		r.wait(nil, 1<<20)
		time.AfterFunc(time.Second, func() { close(done) })
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if r.wait(done, 1) {
					t.Error("let through")
				}
			})
		}
		all.Wait()
	})
}

// tollCarrier is a carrier whose wire carries a tenth more than it is given.
type tollCarrier struct {
	carrier
	written int64
}

func (c *tollCarrier) Write(b []byte) (int, error) {
	c.written += int64(len(b))
	return len(b), nil
}

func (c *tollCarrier) stats() carrierStats { return carrierStats{wireBytes: c.written + c.written/10} }

func TestPacerCountsWireBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task, pair := NewRate(2e6), NewRate(1.1e6)
		p := pace(nil, &tollCarrier{}, []*Rate{task, nil, pair})
		begun := time.Now()
		for range 10 {
			if n, err := p.Write(make([]byte, 1e6)); n != 1e6 || err != nil {
				t.Fatal(n, err)
			}
		}
		wantAbout(t, "10 MB that make 11 on the wire", time.Since(begun), 10*time.Second)
		wantAbout(t, "waiting", p.waited(), 10*time.Second)
	})
}

func TestPacerWithoutLimitWritesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace(nil, &tollCarrier{}, []*Rate{NewRate(0)})
		if n, err := p.Write(make([]byte, 1<<20)); n != 1<<20 || err != nil || p.waited() != 0 {
			t.Error(n, err, p.waited())
		}
	})
}
