package stream

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"
)

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func TestRunDeliversTheStreamAndItsCommit(t *testing.T) {
	data := map[string][]byte{
		"empty":          nil,
		"one byte":       {1},
		"one chunk":      randomBytes(maxChunk),
		"incompressible": randomBytes(20<<20 + 17),
		"compressible":   bytes.Repeat([]byte("all work and no play makes jack a dull boy\n"), 500_000),
	}
	for name, want := range data {
		t.Run(name, func(t *testing.T) {
			onNet(t, 2, 5*time.Millisecond, func(t *testing.T, f *fabric) {
				var got bytes.Buffer
				result := f.nodes[1].keep(&got)
				c, err := f.nodes[0].sendAll(t.Context(), f.nodes[1], want, Begin{})
				if err != nil {
					t.Fatal(err)
				}
				if err := <-result; err != nil {
					t.Fatal(err)
				}
				if c.Snapshot != testOffer().Snapshot || c.Bytes != int64(len(want)) || !bytes.Equal(got.Bytes(), want) {
					t.Errorf("committed %+v, %d bytes arrived of %d", c, got.Len(), len(want))
				}
			})
		})
	}
}
