package stream

import (
	"bytes"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
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
func (w *window) drain() ([]byte, error) {
	var got []byte
	for {
		raw, err := w.take(nil)
		if err != nil {
			return got, err
		}
		got = append(got, raw...)
		w.recycle(raw)
	}
}

func TestWindowOrdersWhatLanesBring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWindow()
		w.expect(3)
		lanes := [][]byte{chunks(2, 3, 30, 40), chunks(0, 4, 5, 29), chunks(1)}
		var rest []uint64
		for n := uint64(6); n < 42; n++ {
			if n != 30 && n != 40 && n != 29 {
				rest = append(rest, n)
			}
		}
		lanes[2] = append(lanes[2], chunks(rest...)...)
		var count atomic.Int64
		for i, lane := range lanes {
			go func() {
				time.Sleep(time.Duration(i) * time.Second)
				if err := readChunks(nil, bytes.NewReader(lane), w, &count); err != nil {
					t.Error(err)
				}
				w.laneEnded()
			}()
		}
		if err := w.end(42); err != nil {
			t.Fatal(err)
		}
		got, err := w.drain()
		if err != io.EOF || len(got) != 42 { //nolint:errorlint // take returns io.EOF itself
			t.Fatalf("%d chunks, %v", len(got), err)
		}
		for i, b := range got {
			if int(b) != i {
				t.Fatalf("chunk %d in place %d", b, i)
			}
		}
		if len(w.spare) > windowSize+1 { // one is in the reader's hands
			t.Errorf("%d buffers", len(w.spare))
		}
	})
}

func TestWindowRefusesAWrongSetOfChunks(t *testing.T) {
	cases := map[string]struct {
		lane  []byte
		total uint64
	}{
		"missing":   {chunks(0, 2), 3},
		"too few":   {chunks(0, 1), 3},
		"too many":  {chunks(0, 1, 2), 2},
		"duplicate": {chunks(0, 1, 1), 3},
		"repeated":  {chunks(0, 0), 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWindow()
			w.expect(1)
			var count atomic.Int64
			err := readChunks(nil, bytes.NewReader(c.lane), w, &count)
			w.laneEnded()
			if err == nil {
				err = w.end(c.total)
			}
			if err == nil {
				_, err = w.drain()
			}
			if !errors.Is(err, ErrBadStream) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestLaneFarAheadWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWindow()
		w.expect(1)
		done := make(chan struct{})
		admitted := make(chan error)
		go func() {
			_, err := w.admit(done, windowSize)
			admitted <- err
		}()
		synctest.Wait()
		select {
		case err := <-admitted:
			t.Fatalf("admitted at once: %v", err)
		default:
		}
		close(done)
		if err := <-admitted; !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}
