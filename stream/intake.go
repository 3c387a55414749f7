package stream

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// spareLanes are lanes beyond maxLanes: those that a source has given up and
// replaced while the target still takes them for open.
const spareLanes = 2

// quietAfter is for how many reports nothing has come on a lane that may be cut
// in favour of a new one.
const quietAfter = 3

// intake admits the lanes of a session at its target. What it lets in bounds the
// target's memory of a run, in blocks of 1 MiB:
//
//	32       in the window
//	 1       with the reader
//	 2 · 18  on lanes: a chunk as it comes and unpacked
//
// 69 MiB at the very worst. A sound source keeps to reach: over two lanes of a
// short line 12 chunks are ahead of a target that is slow, 17 MiB in all. Safe
// for concurrent use.
type intake struct {
	bytes atomic.Int64 // that came on all lanes, headers of chunks included

	mu     sync.Mutex
	open   bool // Go was said
	lanes  map[uint32]*incoming
	newest uint32
	used   uint64 // bit i: serial newest-i has been used
	most   int    // lanes at a time
}

// incoming is one lane at its target.
type incoming struct {
	laneReader
	serial uint32
	bytes  atomic.Int64
	total  *atomic.Int64

	// Guarded by intake.mu.
	reported int64 // bytes
	quiet    int   // reports without a change
}

// Read counts what comes.
func (a *incoming) Read(p []byte) (int, error) {
	n, err := a.laneReader.Read(p)
	a.bytes.Add(int64(n))
	a.total.Add(int64(n))
	return n, err
}

func newIntake() *intake { return &intake{lanes: make(map[uint32]*incoming)} }

// start lets lanes in, once.
func (k *intake) start() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.open {
		return false
	}
	k.open = true
	return true
}

// admit lets a lane in. The error wraps errNoSession: none is expected yet, its
// serial was used before, or there are too many.
func (k *intake) admit(serial uint32, r laneReader) (*incoming, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.open {
		return nil, fmt.Errorf("lane %d before go: %w", serial, errNoSession)
	}
	if !k.use(serial) {
		return nil, fmt.Errorf("lane %d for the second time: %w", serial, errNoSession)
	}
	if len(k.lanes) >= maxLanes+spareLanes && !k.evict() {
		return nil, fmt.Errorf("lane %d beside %d others: %w", serial, len(k.lanes), errNoSession)
	}
	a := &incoming{laneReader: r, serial: serial, total: &k.bytes}
	k.lanes[serial] = a
	k.most = max(k.most, len(k.lanes))
	return a, nil
}

// use marks a serial as used; false if it is, or may be. Lanes come nearly in
// order: 64 back are remembered. It is called with mu held.
func (k *intake) use(serial uint32) bool {
	if k.used == 0 || serial > k.newest {
		k.used = k.used<<min(serial-k.newest, 64) | 1
		k.newest = serial
		return true
	}
	bit := uint64(1) << min(k.newest-serial, 64)
	if bit == 0 || k.used&bit != 0 {
		return false
	}
	k.used |= bit
	return true
}

// evict cuts the lane on which nothing has come for longest, if any is quiet. It
// is called with mu held.
func (k *intake) evict() bool {
	var worst *incoming
	for _, a := range k.lanes {
		if a.quiet >= quietAfter && (worst == nil || a.quiet > worst.quiet) {
			worst = a
		}
	}
	if worst == nil {
		return false
	}
	delete(k.lanes, worst.serial)
	worst.cut()
	return true
}

// leave forgets a lane.
func (k *intake) leave(a *incoming) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lanes[a.serial] == a {
		delete(k.lanes, a.serial)
	}
}

// roll lists the open lanes and what has come on them.
func (k *intake) roll() []laneReport {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := make([]laneReport, 0, len(k.lanes))
	for _, a := range k.lanes {
		now := a.bytes.Load()
		if a.quiet++; now != a.reported {
			a.quiet, a.reported = 0, now
		}
		list = append(list, laneReport{Serial: a.serial, Bytes: now})
	}
	slices.SortFunc(list, func(a, b laneReport) int { return cmp.Compare(a.Serial, b.Serial) })
	return list
}

// count returns the open lanes by kind, and the most there were at a time.
func (k *intake) count() (quic, tcp, most int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range k.lanes {
		if a.kind() == LaneTCP {
			tcp++
		} else {
			quic++
		}
	}
	return quic, tcp, k.most
}
