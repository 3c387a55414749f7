package stream

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
)

// BenchmarkLanes is one run of 256 MiB that do not compress through lanes of one
// kind, on sockets of the kernel, both ends in one process.
func BenchmarkLanes(b *testing.B) {
	for _, w := range []wish{{quic: 1}, {quic: 2}, {quic: 4}, {tcp: 1}, {tcp: 2}} {
		name := fmt.Sprintf("quic x%d", w.quic)
		if w.tcp > 0 {
			name = fmt.Sprintf("tcp x%d", w.tcp)
		}
		b.Run(name, func(b *testing.B) {
			from, to, _ := onSockets(b)
			to.receive = func(ctx context.Context, in *Inbound) { _ = receiveAll(ctx, in, io.Discard) }
			data := bytes.Repeat(randomBytes(8<<20), 32)
			b.SetBytes(int64(len(data)))
			before := cpuTime(b)
			b.ResetTimer()
			for range b.N {
				if err := sendBy(b.Context(), from, to, w, data); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric((cpuTime(b)-before).Seconds()*1e9/float64(b.N*len(data)), "cpu-s/GB")
		})
	}
}

// sendBy runs a session whose lanes are w from its beginning to its end.
func sendBy(ctx context.Context, from, to *node, w wish, data []byte) error {
	out, _, err := from.Offer(ctx, to.id, testOffer())
	if err != nil {
		return err
	}
	defer out.Close()
	if err := out.send(ctx, Begin{}); err != nil {
		return err
	}
	<-out.granted
	out.crew = out.newCrew(Begin{})
	out.crew.steer, out.crew.want = nil, w
	out.start(ctx)
	if _, err := out.Write(data); err != nil {
		return err
	}
	_, err = out.End(ctx)
	return err
}
