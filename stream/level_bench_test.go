package stream

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// BenchmarkLevels sends text, machine code and random bytes over a line of a
// given speed, without QUIC, and reports the goodput in MB/s; x is how many
// bytes one byte on the line stood for.
func BenchmarkLevels(b *testing.B) {
	policies := map[string]level{"raw": levelRaw, "fastest": levelFastest, "adaptive": levels}
	for _, speed := range []int{1000, 125, 12} {
		for name, data := range corpora(b) {
			for _, policy := range []string{"raw", "fastest", "adaptive"} {
				b.Run(fmt.Sprintf("%dMBps/%s/%s", speed, name, policy), func(b *testing.B) {
					b.SetBytes(int64(len(data)))
					var sent int
					for b.Loop() {
						sent = crossLine(b, data, &line{bytesPerSecond: speed * 1e6}, policies[policy])
					}
					b.ReportMetric(float64(len(data))/float64(sent), "x")
				})
			}
		}
	}
}

// corpora returns three streams of the same length. The text repeats itself
// only beyond a chunk.
func corpora(b *testing.B) map[string][]byte {
	b.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	binary, err := os.ReadFile(exe)
	if err != nil {
		b.Fatal(err)
	}
	var text []byte
	err = filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		source, err := os.ReadFile(path)
		text = append(text, source...)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	const n = 48 << 20
	m := map[string][]byte{"text": text, "binary": binary, "random": randomBytes(n)}
	for name, data := range m {
		m[name] = slices.Repeat(data, n/len(data)+1)[:n]
	}
	return m
}

// crossLine sends data over wire, unpacking it there, at a fixed level or, for
// levels, the one that the governor chooses. It returns the bytes sent.
func crossLine(b *testing.B, data []byte, wire *line, fixed level) int {
	b.Helper()
	const lanes = 2
	p := newPacker(lanes, workers())
	var group sync.WaitGroup
	for range p.workers {
		group.Go(func() {
			enc, err := newEncoder()
			if err != nil {
				b.Error(err)
			}
			p.compress(nil, func(c *parcel, l level) level {
				if fixed != levels {
					l = fixed
				}
				return c.pack(enc, l)
			})
		})
	}
	for range lanes {
		group.Go(func() {
			dec, err := newDecoder()
			if err != nil {
				b.Error(err)
			}
			defer dec.Close()
			buf := make([]byte, maxChunk)
			for c, ok := p.take(nil); ok; c, ok = p.take(nil) {
				wire.send(len(c.payload))
				if _, err := unpack(dec, buf, c.header, c.payload); err != nil {
					b.Error(err)
				}
				p.free <- c
			}
		})
	}
	p.write(nil, data)
	p.close()
	group.Wait()
	return wire.total
}
