package sendstream

import (
	"encoding/binary"
	"hash/fnv"
	"testing"
)

// data is a write of n bytes.
func data(path string, offset uint64, n int) Command {
	return Command{Type: CmdWrite, Path: []byte(path), FileOffset: offset, Data: make([]byte, n)}
}

func TestPositionIsKnownOnlyWhileDataGrowsInOneFile(t *testing.T) {
	meta := Command{Type: CmdTruncate, Path: []byte("a")}
	for what, c := range map[string]struct {
		commands []Command
		ok       bool
		end      uint64
	}{
		"nothing":              {nil, true, 0},
		"metadata":             {[]Command{meta}, true, 0},
		"data":                 {[]Command{data("a", 0, 5), data("a", 5, 3)}, true, 8},
		"a gap":                {[]Command{data("a", 0, 5), data("a", 50, 3)}, true, 53},
		"an overlap that ends": {[]Command{data("a", 0, 5), data("a", 2, 9)}, true, 11},
		"a step back":          {[]Command{data("a", 0, 5), data("a", 0, 4)}, false, 0},
		"forth after back":     {[]Command{data("a", 0, 5), data("a", 0, 4), data("a", 0, 9)}, false, 0},
		"another file":         {[]Command{data("a", 0, 5), data("b", 5, 5)}, false, 0},
		"metadata after back":  {[]Command{data("a", 0, 5), data("a", 0, 4), meta}, true, 0},
		"data after metadata":  {[]Command{data("a", 0, 50), meta, data("b", 0, 4)}, true, 4},
		"the end":              {[]Command{meta, {Type: CmdEnd}}, true, 0},
	} {
		t.Run(what, func(t *testing.T) {
			tracker := TrackFrom(Position{Meta: 1})
			for _, c := range c.commands {
				tracker.Add(&c)
			}
			if at, ok := tracker.Position(); ok != c.ok || ok && at.DataEnd != c.end {
				t.Errorf("data up to %d, %v; want %d, %v", at.DataEnd, ok, c.end, c.ok)
			}
		})
	}
}

func TestTrackerGoesOnFromAnyOfItsPositions(t *testing.T) {
	all := commandsOf(t, encode(t, 2, samplesV2()...))
	for n := range all {
		whole := TrackFrom(Position{})
		for i := range all {
			if i == n {
				at, _ := whole.Position()
				whole = TrackFrom(at)
			}
			whole.Add(&all[i])
		}
		if at, ok := whole.Position(); !ok || at != lastPosition(all) {
			t.Errorf("interrupted before command %d it comes to %v", n, at)
		}
	}
}

func lastPosition(all []Command) Position {
	tracker := TrackFrom(Position{})
	for i := range all {
		tracker.Add(&all[i])
	}
	return tracker.at
}

func TestTrackerAllocatesNothing(t *testing.T) {
	var tracker Tracker
	meta, write := Command{Type: CmdChmod, Path: []byte("a")}, data("a", 0, 5)
	if n := testing.AllocsPerRun(100, func() { tracker.Add(&meta); tracker.Add(&write) }); n != 0 {
		t.Errorf("%v allocations per two commands", n)
	}
}

func TestFingerprintIsTheHashOfTheHeaders(t *testing.T) {
	stream := encode(t, 2, samplesV2()...)
	want := fnv.New128a()
	have := TrackFrom(Position{}).at.Fingerprint
	for _, c := range commandsOf(t, stream) {
		_, _ = want.Write(stream[c.Offset : c.Offset+commandHeaderSize]) // never fails
		have = have.with(&c)
	}
	sum := want.Sum(nil)
	if (have != Fingerprint{binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:])}) {
		t.Errorf("fingerprint %x, want %x", have, sum)
	}
}

func BenchmarkTracker(b *testing.B) {
	var tracker Tracker
	c := Command{Type: CmdChmod, Path: []byte("dir/file")}
	for b.Loop() {
		tracker.Add(&c)
	}
}
