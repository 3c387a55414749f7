package stream

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// line is a wire of one speed that all lanes share.
type line struct {
	bytesPerSecond int

	mu    sync.Mutex
	idle  time.Time // from when on
	total int       // bytes sent
}

// send returns when n bytes are on the wire.
func (l *line) send(n int) {
	l.mu.Lock()
	if now := time.Now(); l.idle.Before(now) {
		l.idle = now
	}
	l.idle = l.idle.Add(time.Duration(n) * time.Second / time.Duration(l.bytesPerSecond))
	l.total += n
	wait := time.Until(l.idle)
	l.mu.Unlock()
	time.Sleep(wait)
}

// material is what it costs to compress a chunk, by level, and how many times
// smaller it gets.
type material struct {
	name string
	took [levels]time.Duration
	x    [levels]float64
}

// materials are measured ones, on one processor.
func materials() []material {
	const us = time.Microsecond
	return []material{
		{"text", [levels]time.Duration{150 * us, 4400 * us, 6200 * us}, [levels]float64{1, 4.38, 4.70}},
		{"binaries", [levels]time.Duration{150 * us, 6760 * us, 9890 * us}, [levels]float64{1, 2.52, 2.73}},
		{"mixed", [levels]time.Duration{150 * us, 4100 * us, 5000 * us}, [levels]float64{1, 1.49, 1.51}},
	}
}

// pack takes as long, in the bubble, as compressing a whole chunk would.
func (m material) pack(c *parcel, l level) {
	time.Sleep(m.took[l])
	c.level, c.header.encoded = l, int(maxChunk/m.x[l])
}

// setting is what a stream meets on its way.
type setting struct {
	material
	speed   int           // of the line, MB/s
	workers int           // on processors of their own
	read    time.Duration // that the source needs for a chunk
}

func (s setting) String() string {
	return fmt.Sprintf("%s, %d workers, chunks every %v, %d MB/s", s.name, s.workers, s.read, s.speed)
}

const chunksOnLine = 500

// cross sends chunksOnLine chunks and returns the goodput in MB/s and what was
// packed how.
func (s setting) cross(t *testing.T, pack packing) (goodput float64, counts Chunks) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f, q := testFeed(t, s.workers)
		wire := &line{bytesPerSecond: s.speed * 1e6}
		f.packer.start(func() packing { return pack })
		start := time.Now()
		var group sync.WaitGroup
		q.deliver(&group, usualLanes, func(p *parcel) { wire.send(p.header.encoded) })
		for range chunksOnLine {
			time.Sleep(s.read)
			if err := f.begin(); err != nil {
				t.Fatal(err)
			}
			f.current.block = f.current.block[:1] // stands for a whole chunk, and is soon hashed
			f.submit()
		}
		if err := f.End(); err != nil {
			t.Error(err)
		}
		group.Wait()
		goodput, counts = chunksOnLine*maxChunk/time.Since(start).Seconds()/1e6, q.chunks()
	})
	return goodput, counts
}

func TestLevelFollowsTheLine(t *testing.T) {
	text := materials()[0]
	const quick, slow = 400 * time.Microsecond, 20 * time.Millisecond
	cases := map[string]struct {
		setting
		enough func(Chunks) bool
	}{
		"a slow line gets default":                {setting{text, 12, 2, quick}, func(c Chunks) bool { return c.Default > 450 }},
		"a line faster than zstd gets raw":        {setting{text, 5000, 2, quick}, func(c Chunks) bool { return c.Raw > 480 }},
		"a line as fast as zstd gets a mixture":   {setting{text, 125, 1, quick}, func(c Chunks) bool { return c.Raw > 50 && c.Fastest > 300 }},
		"a slow source on a fast line is fastest": {setting{text, 1000, 1, slow}, func(c Chunks) bool { return c.Fastest == chunksOnLine }},
		"a slow source on a slow line is default": {setting{text, 3, 1, slow}, func(c Chunks) bool { return c.Default > 400 }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, got := c.cross(t, c.pack); !c.enough(got) {
				t.Errorf("%v: %+v", c.setting, got)
			}
		})
	}
}

func TestLevelThatFollowsIsAsFastAsTheBestFixedOne(t *testing.T) {
	for _, m := range materials() {
		for _, speed := range []int{12, 125, 1000} {
			for _, workers := range []int{1, 2, 4} {
				for _, read := range []time.Duration{500 * time.Microsecond, 5 * time.Millisecond} {
					s := setting{m, speed, workers, read}
					raw, _ := s.cross(t, func(c *parcel, _ level) { m.pack(c, levelRaw) })
					fastest, _ := s.cross(t, func(c *parcel, _ level) { m.pack(c, levelFastest) })
					got, counts := s.cross(t, m.pack)
					if got < 0.95*max(raw, fastest) {
						t.Errorf("%v: raw %.0f MB/s, fastest %.0f, adaptive %.0f, %+v", s, raw, fastest, got, counts)
					}
				}
			}
		}
	}
}
