package sendstream

import (
	"bytes"
	"io"
	"testing"
)

// BenchmarkCopy relays streams like those of many small files and of large ones.
func BenchmarkCopy(b *testing.B) {
	small, large := []Command{subvol()}, []Command{subvol()}
	for range 1000 {
		small = append(small, samplesV2()[1:]...)
	}
	for range 200 {
		large = append(large, Command{Type: CmdWrite, Path: []byte("dir/file"), Data: make([]byte, 128<<10)})
	}
	for name, cmds := range map[string][]Command{"small": small, "large": large} {
		stream := encode(b, 2, cmds...)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(stream)))
			for b.Loop() {
				if _, err := Copy(io.Discard, bytes.NewReader(stream), Limits{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(cmds)), "ns/command")
		})
	}
}
