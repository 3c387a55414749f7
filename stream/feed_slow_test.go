package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"
)

// slowly passes on 32 KiB at a time, after a pause.
type slowly struct {
	io.Writer
	pause time.Duration
}

func (s slowly) Write(p []byte) (int, error) {
	time.Sleep(s.pause)
	return s.Writer.Write(p)
}

// lag makes the last node take 1 MiB in 3.2 s, and returns its result.
func lag(f *fabric, got *bytes.Buffer) <-chan error {
	result := make(chan error, 1)
	f.nodes[len(f.nodes)-1].receive = func(ctx context.Context, in *Inbound) {
		result <- receiveAll(ctx, in, slowly{got, 100 * time.Millisecond})
	}
	return result
}

// outrun writes data, and expects that the last session falls behind. What its
// target has got and not taken is not kept, and the others are a window ahead:
// less than 32 MiB may pass without.
func (n *fan) outrun(t *testing.T, data []byte) *BehindError {
	t.Helper()
	n.spool = 1 << 20
	n.write(t, data, noStep)
	last := len(n.outs) - 1
	for i := range last {
		n.committed(t, i, data)
	}
	_, err := n.outs[last].End(t.Context())
	behind, ok := errors.AsType[*BehindError](err)
	if !ok || behind.Bytes <= 0 || behind.Bytes >= int64(len(data)) || behind.Bytes != int64(behind.Chunks)<<20 {
		t.Fatalf("end of the slow one: %v", err)
	}
	ahead := int64(reach(usualLanes, 4*latency) + n.packer.depth() + 2)
	if most := n.blocks.most.Load(); most > n.spool+ahead<<20 {
		t.Errorf("the feed kept %d MiB", most>>20)
	}
	return behind
}

func TestSlowSessionFallsBehindAndGoesOnAlone(t *testing.T) {
	unraced(t)
	data := append(randomBytes(36<<20), 1)
	onNet(t, 3, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		var got bytes.Buffer
		var result <-chan error
		n := newFan(t, f, func() { result = lag(f, &got) })
		defer n.close()
		begun := time.Now()
		behind := n.outrun(t, data)
		if took := time.Since(begun); took > 90*time.Second {
			t.Errorf("the others took %v", took)
		}
		out := n.outs[1]
		skip, w, err := out.Continue()
		if err != nil || skip != behind.Bytes {
			t.Fatalf("continue from %d, %v", skip, err)
		}
		if _, err := io.Copy(w, bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		c, err := out.End(t.Context())
		if err != nil || c.Bytes != int64(len(data)) {
			t.Fatalf("committed %+v, %v", c, err)
		}
		if err := <-result; err != nil || !bytes.Equal(got.Bytes(), data) {
			t.Errorf("%d bytes, %v", got.Len(), err)
		}
		if s := out.Stats(); s.RawBytes != int64(len(data)) || s.Chunks.Raw+s.Chunks.Fastest+s.Chunks.Default != 37 {
			t.Errorf("%+v", s)
		}
		if lent := n.blocks.out.Load() + out.feed.blocks.out.Load(); lent != 0 {
			t.Errorf("%d bytes are not given back", lent)
		}
	})
}

func TestStreamThatGoesOnDifferentlyIsNotSent(t *testing.T) {
	data := randomBytes(3 << 20)
	another := bytes.Clone(data)
	another[12345]++
	for name, second := range map[string][]byte{"another": another, "shorter": data[:1<<20], "empty": nil} {
		t.Run(name, func(t *testing.T) {
			onNet(t, 3, latency, func(t *testing.T, f *fabric) {
				t.Helper()
				var result <-chan error
				n := newFan(t, f, func() { result = lag(f, new(bytes.Buffer)) })
				defer n.close()
				for i := range 2 {
					if _, err := n.Write(data[i<<20 : (i+1)<<20]); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Second) // both are sent
				n.leaveBehind(n.outs[1].queue)
				_, w, err := n.outs[1].Continue()
				if err != nil {
					t.Fatal(err)
				}
				if _, err = w.Write(second); err == nil {
					_, err = n.outs[1].End(t.Context())
				}
				if !errors.Is(err, ErrDiverged) {
					t.Errorf("source got %v", err)
				}
				n.outs[1].Close()
				if _, ok := errors.AsType[*Refusal](<-result); !ok {
					t.Error("the target was not told")
				}
			})
		})
	}
}

func TestSessionThatIsAloneIsNeverLeftBehind(t *testing.T) {
	data := randomBytes(8 << 20)
	onNet(t, 2, latency, func(t *testing.T, f *fabric) {
		t.Helper()
		var got bytes.Buffer
		n := newFan(t, f, func() { lag(f, &got) })
		defer n.close()
		n.spool = 1
		n.write(t, data, noStep)
		if _, err := n.outs[0].End(t.Context()); err != nil || !bytes.Equal(got.Bytes(), data) {
			t.Errorf("%d bytes, %v", got.Len(), err)
		}
		if _, _, err := n.outs[0].Continue(); err == nil {
			t.Error("it could go on, though it is not behind")
		}
	})
}
