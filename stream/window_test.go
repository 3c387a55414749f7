package stream

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
)

// chunks encodes numbered raw chunks of one byte each.
func chunks(numbers ...uint64) []byte {
	var b []byte
	for _, n := range numbers {
		raw := []byte{byte(n)}
		b = appendChunkHeader(b, chunkHeader{number: n, raw: 1, encoded: 1, sum: castagnoli(raw)})
		b = append(b, raw...)
	}
	return b
}

// drain takes everything w yields.
func (w *window) drain(b *blocks) ([]byte, error) {
	var got []byte
	for {
		raw, err := w.take(nil)
		if err != nil {
			return got, err
		}
		got = append(got, raw...)
		b.put(raw)
	}
}

func TestWindowOrdersWhatLanesBring(t *testing.T) {
	w, b := newWindow(), new(blocks)
	for _, lane := range [][]byte{chunks(2, 3, 30), chunks(4, 5, 29, 2), chunks(1, 0)} {
		if err := readChunks(bytes.NewReader(lane), w, b); err != nil {
			t.Fatal(err)
		}
	}
	if taken, beyond, _ := w.state(); taken != 0 || beyond != 1<<30|1<<29|0b111111 {
		t.Errorf("%d taken, %b beyond", taken, beyond)
	}
	var rest []uint64
	for n := uint64(6); n < 29; n++ {
		rest = append(rest, n)
	}
	if err := readChunks(bytes.NewReader(chunks(rest...)), w, b); err != nil {
		t.Fatal(err)
	}
	if err := w.end(31); err != nil {
		t.Fatal(err)
	}
	got, err := w.drain(b)
	if err != io.EOF || len(got) != 31 || !slices.IsSorted(got) { //nolint:errorlint // take returns io.EOF itself
		t.Fatalf("%d chunks, %v: %v", len(got), err, got)
	}
	if out := b.out.Load(); out != 0 {
		t.Errorf("%d bytes are not given back", out)
	}
}

func TestWindowRefusesChunksThatNoSoundSourceSends(t *testing.T) {
	again := slices.Repeat([]uint64{0}, maxRepeats+2)
	cases := map[string]struct {
		lane  []byte
		total uint64
	}{
		"too many":          {chunks(0, 1, 2), 2},
		"beyond the window": {chunks(0, windowSize), windowSize + 1},
		"far beyond":        {chunks(1 << 60), 1<<60 + 1},
		"again and again":   {chunks(again...), 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w, b := newWindow(), new(blocks)
			err := readChunks(bytes.NewReader(c.lane), w, b)
			if err == nil {
				err = w.end(c.total)
			}
			if !errors.Is(err, ErrBadStream) {
				t.Errorf("got %v", err)
			}
			w.drop(b)
			if out := b.out.Load(); out != 0 {
				t.Errorf("%d bytes are not given back", out)
			}
		})
	}
}

func TestOfTwoLanesThatBringAChunkTheFirstOneCounts(t *testing.T) {
	w, b := newWindow(), new(blocks)
	for range 2 { // both lanes ask before either has read it
		if wanted, err := w.wants(0); !wanted || err != nil {
			t.Fatalf("wanted %v, %v", wanted, err)
		}
	}
	if !w.deliver(0, append(b.get(1), 1)) || w.deliver(0, []byte{2}) {
		t.Error("the second delivery counts")
	}
	if raw, err := w.take(nil); err != nil || raw[0] != 1 {
		t.Errorf("%v, %v", raw, err)
	}
	if wanted, err := w.wants(0); wanted || err != nil {
		t.Errorf("wanted %v after it was taken, %v", wanted, err)
	}
}

func TestLaneThatEndsInAChunkIsNoFault(t *testing.T) {
	whole := chunks(0)
	for n := 1; n < len(whole); n++ {
		w, b := newWindow(), new(blocks)
		err := readChunks(bytes.NewReader(whole[:n]), w, b)
		if errors.Is(err, ErrBadStream) || err == nil || b.out.Load() != 0 {
			t.Errorf("after %d bytes: %v, %d bytes out", n, err, b.out.Load())
		}
	}
}

// FuzzLane reads what a source may send on a lane.
func FuzzLane(f *testing.F) {
	f.Add(chunks(0, 1, 1, 5))
	f.Add(chunks(windowSize))
	f.Fuzz(func(t *testing.T, lane []byte) {
		w, b := newWindow(), new(blocks)
		_ = readChunks(bytes.NewReader(lane), w, b)
		if most := b.most.Load(); most > (windowSize+2)*maxChunk {
			t.Errorf("%d bytes of memory", most)
		}
		w.drop(b)
		if out := b.out.Load(); out != 0 {
			t.Errorf("%d bytes are not given back", out)
		}
	})
}
