package gossip

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"btrmesh/certs"
)

// deadline is how soon a killed member must be Dead for all.
const deadline = 10 * time.Second

var kills = flag.Int("mesh.kills", 10, "members to kill in a mesh of each size, one after another")

// certain is how soon a killed member is Dead for all, whatever chance does. Without
// a ring, it may be the first that another one asks in one round and the last in the
// next, 2n-3 probes later. With two members memberlist omits a probe between rounds
// now and then. The probe and the suspicion take two more.
func certain(size int) time.Duration {
	if size >= ringSize {
		return deadline
	}
	const spread = time.Second
	return time.Duration(max(2, 2*size-3)+2)*DefaultTiming().Probe + spread
}

func TestKilledMemberIsDeadInTime(t *testing.T) {
	sizes := []int{2, 3, 5, 6, 8, 16, 32}
	if testing.Short() || raced {
		sizes = []int{2, 3, 5, 6, 8}
	}
	for _, size := range sizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				t.Helper()
				wantDeadInTime(t, killSome(t, size, 1, *kills), certain(size))
			})
		})
	}
}

// The two of a pair are watched from its two ends.
func TestTwoNeighboursKilledAtOnceAreDeadInTime(t *testing.T) {
	sizes := []int{8, 16}
	if testing.Short() || raced {
		sizes = sizes[:1]
	}
	for _, size := range sizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				t.Helper()
				wantDeadInTime(t, killSome(t, size, 2, *kills), deadline)
			})
		})
	}
}

func wantDeadInTime(t *testing.T, took []time.Duration, most time.Duration) {
	t.Helper()
	slices.Sort(took)
	at := func(share float64) time.Duration { return took[int(share*float64(len(took)-1))] }
	inTime, _ := slices.BinarySearch(took, deadline+1)
	t.Logf("%d kills: dead for all after %s to %s, median %s, 90 %% %s, 99 %% %s; %d took more than %s; certain %s",
		len(took), took[0], took[len(took)-1], at(.5), at(.9), at(.99), len(took)-inTime, deadline, most)
	if worst := took[len(took)-1]; worst > most {
		t.Errorf("not dead within %s but after %s", most, worst)
	}
}

// killSome kills as many neighbours in the ring at once, that often, and returns
// after how long all of them were dead for all others.
func killSome(t *testing.T, size, atOnce, times int) (took []time.Duration) {
	t.Helper()
	s := newConverged(t, size)
	ring := slices.SortedFunc(slices.Values(s.ids), certs.ID.Compare)
	for range times {
		time.Sleep(20*time.Second + time.Duration(s.float()*float64(10*time.Second)))
		var gone []int
		first := int(s.float() * float64(size))
		for i := range atOnce {
			gone = append(gone, slices.Index(s.ids, ring[(first+i)%size]))
		}
		begin := time.Now()
		s.kill(gone...) // which takes time as well
		s.until(time.Minute, func(n *node, of certs.ID) bool {
			return !slices.Contains(gone, slices.Index(s.ids, of)) || n.g.Liveness(of).State == Dead
		})
		took = append(took, time.Since(begin))
		for _, i := range gone {
			s.start(i)
		}
		s.until(time.Minute, s.converged)
	}
	return took
}
