package shaper

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func newPath(seed uint64) *path { return &path{rng: rand.New(rand.NewPCG(seed, 1))} }

// arrivals are packets that come one after the other, each with its fate.
type arrivals struct {
	due   [][]time.Duration // since the first came
	fates []fate
}

// walk lets n packets of a size come, one each gap.
func walk(f Profile, seed uint64, n, size int, gap time.Duration) arrivals {
	var a arrivals
	p, start := newPath(seed), time.Unix(0, 0)
	for i := range n {
		due, fate := p.pass(f, start.Add(time.Duration(i)*gap), size)
		var after []time.Duration
		for _, at := range due {
			after = append(after, at.Sub(start))
		}
		a.due, a.fates = append(a.due, after), append(a.fates, fate)
	}
	return a
}

func (a arrivals) share(of fate) float64 {
	n := 0
	for _, f := range a.fates {
		if f == of {
			n++
		}
	}
	return float64(n) / float64(len(a.fates))
}

func TestAPathWithoutFaultsIsAWire(t *testing.T) {
	a := walk(Profile{}, 1, 100, 1500, time.Millisecond)
	for i, due := range a.due {
		if len(due) != 1 || due[0] != time.Duration(i)*time.Millisecond {
			t.Fatalf("packet %d is delivered at %v", i, due)
		}
	}
}

func TestPacketsLeaveAtTheRateAndTheQueueEnds(t *testing.T) {
	const size, rate = 1250, 1_000_000 // 10 ms each
	a := walk(Profile{Delay: 5 * time.Millisecond, Rate: rate, Queue: 30 * time.Millisecond}, 1, 10, size, 0)
	want := []time.Duration{15 * time.Millisecond, 25 * time.Millisecond, 35 * time.Millisecond, 45 * time.Millisecond}
	for i, due := range a.due {
		switch {
		case i < len(want) && (len(due) != 1 || due[0] != want[i]):
			t.Errorf("packet %d is delivered at %v, want %v", i, due, want[i])
		case i >= len(want) && a.fates[i] != overrun:
			t.Errorf("packet %d found room in a queue that was full: %v", i, due)
		}
	}
}

func TestTheQueueDrainsWhileNothingComes(t *testing.T) {
	a := walk(Profile{Rate: 1_000_000, Queue: 10 * time.Millisecond}, 1, 50, 1250, 10*time.Millisecond)
	if got := a.share(passed); got != 1 {
		t.Errorf("at exactly the rate %v of the packets pass", got)
	}
}

func TestLossIsAsOftenAsSaidAndInRowsAsLongAsSaid(t *testing.T) {
	for _, c := range []struct{ loss, burst, row float64 }{
		{0.001, 0, 1}, {0.01, 0, 1.01}, {0.05, 1, 1.05}, {0.01, 8, 8}, {0.05, 3, 3},
	} {
		a := walk(Profile{Loss: c.loss, Burst: c.burst}, 7, 200_000, 100, 0)
		if got := a.share(lost); math.Abs(got-c.loss) > 0.2*c.loss {
			t.Errorf("loss %v, bursts of %v: %v are lost", c.loss, c.burst, got)
		}
		if got := meanRow(a.fates); math.Abs(got-c.row) > 0.2*c.row {
			t.Errorf("loss %v, bursts of %v: the mean row is %v", c.loss, c.burst, got)
		}
	}
}

// meanRow returns the mean number of losses in a row.
func meanRow(fates []fate) float64 {
	var rows, all int
	before := passed
	for _, f := range fates {
		if f == lost {
			all++
			if before != lost {
				rows++
			}
		}
		before = f
	}
	return float64(all) / float64(rows)
}

func TestALargePacketVanishesAndALineThatIsDownTakesNone(t *testing.T) {
	for _, c := range []struct {
		profile Profile
		size    int
		want    fate
	}{
		{Profile{MaxSize: 1300}, 1300, passed},
		{Profile{MaxSize: 1300}, 1301, tooLarge},
		{Profile{Down: true}, 40, cut},
		{Profile{Loss: 1, Burst: 8}, 40, lost},
	} {
		if a := walk(c.profile, 1, 1, c.size, 0); a.fates[0] != c.want {
			t.Errorf("%+v, %d bytes: fate %v, want %v", c.profile, c.size, a.fates[0], c.want)
		}
	}
}

func TestReorderedPacketsComeBehindOthersAndNoneIsLost(t *testing.T) {
	a := walk(Profile{Delay: 20 * time.Millisecond, Reorder: 0.05, Duplicate: 0.01}, 3, 20_000, 1500, time.Millisecond)
	var late, twice int
	for i, due := range a.due {
		if len(due) == 0 {
			t.Fatalf("packet %d is lost", i)
		}
		if len(due) == 2 {
			twice++
		}
		if i+1 < len(a.due) && due[0] > a.due[i+1][0] {
			late++
		}
	}
	if late < 800 || late > 1200 || twice < 140 || twice > 260 {
		t.Errorf("of 20000 packets %d were late and %d came twice, want some 950 and 200", late, twice)
	}
}

func TestTheSameSeedIsUnluckyInTheSameWay(t *testing.T) {
	f := Profile{Loss: 0.1, Burst: 4, Reorder: 0.1, Duplicate: 0.1}
	if !slices.Equal(walk(f, 5, 1000, 100, 0).fates, walk(f, 5, 1000, 100, 0).fates) {
		t.Error("two walks with one seed differ")
	}
	if slices.Equal(walk(f, 5, 1000, 100, 0).fates, walk(f, 6, 1000, 100, 0).fates) {
		t.Error("another seed makes no difference")
	}
}

func TestProfilesThatNoLineCanHaveAreRefused(t *testing.T) {
	for _, p := range []Profile{
		{Delay: -1}, {Rate: -1}, {Queue: -1}, {MaxSize: -1}, {Loss: 1.1}, {Loss: -0.1}, {Reorder: 2}, {Duplicate: 2}, {Loss: 0.9, Burst: 2},
	} {
		if p.check() == nil {
			t.Errorf("%+v is taken", p)
		}
	}
	if err := (Profile{Loss: 1, Burst: 3, Reorder: 1, Duplicate: 1}).check(); err != nil {
		t.Error(err)
	}
}
