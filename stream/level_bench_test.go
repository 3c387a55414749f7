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

	"github.com/klauspost/compress/zstd"
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
	f, q := testFeed(b, workers())
	f.packer.start(func() packing {
		enc, err := newEncoder()
		if err != nil {
			b.Error(err)
		}
		return func(c *parcel, l level) {
			if fixed != levels {
				l = fixed
			}
			c.pack(enc, l)
		}
	})
	var group sync.WaitGroup
	decoders := sync.Pool{New: func() any {
		dec, err := newDecoder()
		if err != nil {
			b.Error(err)
		}
		return dec
	}}
	q.deliver(&group, usualLanes, func(p *parcel) {
		wire.send(p.header.encoded)
		dec := decoders.Get().(*zstd.Decoder) //nolint:errcheck // nothing else is in there
		defer decoders.Put(dec)
		block := f.blocks.get(maxChunk)
		if _, err := unpack(dec, block, p.header, p.block); err != nil {
			b.Error(err)
		}
		f.blocks.put(block)
	})
	if _, err := f.Write(data); err != nil {
		b.Error(err)
	}
	if err := f.End(); err != nil {
		b.Error(err)
	}
	group.Wait()
	return wire.total
}
