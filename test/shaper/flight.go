package shaper

import (
	"container/heap"
	"time"
)

// maxFlight bounds the bytes under way in one direction: 1 Gbit/s for 500 ms.
const maxFlight = 64 << 20

// flight holds the packets under way, the next to be delivered first, those due
// at once in the order they came. The zero value is empty.
type flight struct {
	packets departures
	serial  uint64
	bytes   int
}

type packet struct {
	due    time.Time
	serial uint64
	data   []byte
}

// add refuses what there is no room for.
func (f *flight) add(due time.Time, data []byte) bool {
	if f.bytes+len(data) > maxFlight {
		return false
	}
	f.bytes += len(data)
	f.serial++
	heap.Push(&f.packets, packet{due, f.serial, data})
	return true
}

// next takes the first packet if it is due at now; else it returns how long that
// takes, or a negative duration if there is none.
func (f *flight) next(now time.Time) (data []byte, wait time.Duration) {
	if len(f.packets) == 0 {
		return nil, -1
	}
	if wait := f.packets[0].due.Sub(now); wait > 0 {
		return nil, wait
	}
	first, _ := heap.Pop(&f.packets).(packet) // departures holds nothing else
	f.bytes -= len(first.data)
	return first.data, 0
}

// departures is a heap (container/heap).
type departures []packet

func (d departures) Len() int      { return len(d) }
func (d departures) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d departures) Less(i, j int) bool {
	if d[i].due.Equal(d[j].due) {
		return d[i].serial < d[j].serial
	}
	return d[i].due.Before(d[j].due)
}

func (d *departures) Push(x any) {
	p, _ := x.(packet) // flight pushes nothing else
	*d = append(*d, p)
}

func (d *departures) Pop() any {
	last := len(*d) - 1
	p := (*d)[last]
	(*d)[last] = packet{} // lets its bytes go
	*d = (*d)[:last]
	return p
}
