package gossip

import (
	"flag"
	"fmt"
	"math"
	"strings"
	"syscall"
	"testing"
	"time"
)

var large = flag.Bool("mesh.large", false, "simulate a mesh of 1000 members as well, and loss for an hour")

// row is what was measured of a mesh.
type row struct {
	members          int
	converged, known time.Duration
	packetBytes      float64 // per second and node, idle
	packets          float64
	streamBytes      float64
	wall, processor  time.Duration
}

func TestCostPerMemberGrowsNoFasterThanTheLogarithm(t *testing.T) {
	sizes := []int{4, 16, 64, 256}
	if testing.Short() || raced {
		sizes = sizes[:2]
	}
	if *large {
		sizes = append(sizes, 1000)
	}
	var table strings.Builder
	fmt.Fprintln(&table, "members | converged | record known to all | idle per node: packet B/s | packets/s | stream B/s | wall | processor")
	measured := make(map[int]row)
	for _, size := range sizes {
		begin, used := time.Now(), processor(t)
		var r row
		inBubble(t, func(t *testing.T) {
			t.Helper()
			r = measure(t, size)
		})
		r.wall, r.processor = time.Since(begin), processor(t)-used
		measured[size] = r
		fmt.Fprintf(&table, "%7d | %9s | %19s | %25.0f | %9.2f | %10.0f | %s | %s\n", r.members, r.converged, r.known,
			r.packetBytes, r.packets, r.streamBytes, r.wall.Round(time.Millisecond), r.processor.Round(time.Millisecond))
	}
	t.Logf("\n%s", table.String())
	for size, r := range measured {
		if r.known > 5*time.Second {
			t.Errorf("%d members: a record took %s to reach all", size, r.known)
		}
		base := measured[16]
		if limit := base.packetBytes * math.Log2(float64(size)) / math.Log2(16) * 1.25; size > 16 && r.packetBytes > limit {
			t.Errorf("%d members: %.0f packet bytes/s per node, 16 members: %.0f", size, r.packetBytes, base.packetBytes)
		}
	}
}

// processor returns the time this process has computed.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func measure(t *testing.T, size int) row {
	t.Helper()
	const idle = 2 * time.Minute // as long as an interval between exchanges of state at 256
	s := newMesh(t, size)
	r := row{members: size}
	r.converged = s.until(2*time.Minute, s.converged)
	// The news of who lives takes precedence, and of all at once there is much.
	time.Sleep(max(20*time.Second, time.Duration(size)*time.Second/4))
	r.known = s.spread(size/2, "a record", time.Minute)
	time.Sleep(10 * time.Second)
	packets, packetBytes, streamBytes := s.sent()
	time.Sleep(idle)
	p, pb, sb := s.sent()
	per := func(n int64) float64 { return float64(n) / idle.Seconds() / float64(size) }
	r.packets, r.packetBytes, r.streamBytes = per(p-packets), per(pb-packetBytes), per(sb-streamBytes)
	return r
}

func (s *sim) sent() (packets, packetBytes, streamBytes int64) {
	for _, n := range s.all() {
		packets += n.packets.Load()
		packetBytes += n.packetBytes.Load()
		streamBytes += n.streamBytes.Load()
	}
	return packets, packetBytes, streamBytes
}
