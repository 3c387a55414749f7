package sendstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

func TestCopyPassesTheStreamOnUnchanged(t *testing.T) {
	for _, stream := range [][]byte{encode(t, 1, samples()...), encode(t, 2, samplesV2()...), mixedStream(t)} {
		for _, src := range []io.Reader{
			bytes.NewReader(stream),
			iotest.HalfReader(bytes.NewReader(stream)),
			&pieceReader{src: bytes.NewReader(stream), rng: rand.New(rand.NewPCG(1, 2))},
		} {
			var dst bytes.Buffer
			stats, err := Copy(&dst, src, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(dst.Bytes(), stream) {
				t.Errorf("the copy of %d bytes differs", len(stream))
			}
			if stats.Bytes != int64(len(stream)) {
				t.Errorf("counted %d bytes of %d", stats.Bytes, len(stream))
			}
		}
	}
}

// mixedStream has commands of all sizes, some MB in all, so that the window has
// to move in every way.
func mixedStream(t *testing.T) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	cmds := []Command{subvol()}
	for range 200 {
		c := Command{Type: CmdWrite, Path: []byte("f"), Data: make([]byte, rng.IntN(maxCommandV2-100)>>rng.IntN(16))}
		cmds = append(cmds, c)
	}
	return encode(t, 2, cmds...)
}

// pieceReader returns pieces of random length.
type pieceReader struct {
	src io.Reader
	rng *rand.Rand
}

func (r *pieceReader) Read(b []byte) (int, error) {
	return r.src.Read(b[:min(len(b), 1+r.rng.IntN(1<<r.rng.IntN(18)))])
}

// boundaries are the offsets at which a command ends.
func boundaries(t *testing.T, stream []byte) map[int]bool {
	t.Helper()
	cmds, err := readAll(bytes.NewReader(stream), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	ends := map[int]bool{0: true}
	for _, c := range cmds {
		ends[int(c.Offset)+c.Size] = true
	}
	return ends
}

func TestCopyWritesWholeCommandsOnly(t *testing.T) {
	stream := encode(t, 2, samplesV2()...)
	ends := boundaries(t, stream)
	for n := range stream {
		var dst bytes.Buffer
		stats, err := Copy(&dst, iotest.OneByteReader(bytes.NewReader(stream[:n])), Limits{})
		wantRule(t, err, ruleTruncated)
		if !bytes.HasPrefix(stream, dst.Bytes()) || !ends[dst.Len()] {
			t.Fatalf("cut at %d: wrote %d bytes, which is no whole number of commands", n, dst.Len())
		}
		if dst.Len() > 0 && stats.Bytes != int64(dst.Len()) {
			t.Fatalf("cut at %d: wrote %d bytes, counted %d", n, dst.Len(), stats.Bytes)
		}
	}
}

func TestCopyKeepsTheEndBackUntilTheInputEnds(t *testing.T) {
	stream := encode(t, 1, samples()...)
	for name, tail := range map[string]io.Reader{
		"restart": bytes.NewReader(stream),
		"byte":    bytes.NewReader([]byte{0}),
		"failure": iotest.ErrReader(errors.New("send failed")),
	} {
		t.Run(name, func(t *testing.T) {
			var dst bytes.Buffer
			_, err := Copy(&dst, io.MultiReader(bytes.NewReader(stream), tail), Limits{})
			if err == nil {
				t.Error("no error")
			}
			if want := len(stream) - commandHeaderSize; dst.Len() != want {
				t.Errorf("wrote %d bytes, want all but the end, %d", dst.Len(), want)
			}
		})
	}
}

func TestCopyWritesNothingOfABrokenCommand(t *testing.T) {
	good := encode(t, 1, subvol())
	good = good[:len(good)-commandHeaderSize]
	bad := encode(t, 1, subvol(), alter(CmdMkfile, func(c *Command) { c.Path = []byte("../x") }))
	var dst bytes.Buffer
	_, err := Copy(&dst, bytes.NewReader(bad), Limits{})
	wantRule(t, err, rulePath)
	if !bytes.Equal(dst.Bytes(), good) {
		t.Errorf("wrote %q", dst.Bytes())
	}
}

func TestCopyReportsARestart(t *testing.T) {
	stream := encode(t, 2, samplesV2()...)
	_, err := Copy(io.Discard, bytes.NewReader(restarted(stream, 500)), Limits{})
	if !errors.Is(err, ErrRestarted) {
		t.Errorf("got %v", err)
	}
}

func TestCopyReportsWhatTheWriterSays(t *testing.T) {
	full := errors.New("no space left")
	for name, stream := range map[string][]byte{"midway": mixedStream(t), "at the end": encode(t, 1, subvol())} {
		for _, failure := range []error{full, fmt.Errorf("%w: %w", full, io.EOF)} {
			dst := &failingWriter{err: failure}
			_, err := Copy(dst, bytes.NewReader(stream), Limits{})
			if !errors.Is(err, full) || errors.Is(err, ErrInvalid) {
				t.Errorf("%s: got %v", name, err)
			}
			if dst.calls != 1 {
				t.Errorf("%s: %d writes to a writer that failed", name, dst.calls)
			}
		}
	}
}

type failingWriter struct {
	err   error
	calls int
}

func (w *failingWriter) Write([]byte) (int, error) {
	w.calls++
	return 0, w.err
}

func TestCopyDoesNotSitOnAcceptedCommands(t *testing.T) {
	stream := encode(t, 1, samples()...)
	r, w := io.Pipe()
	got, dst := io.Pipe()
	failed := make(chan error, 1)
	go func() {
		_, err := Copy(dst, r, Limits{})
		failed <- err
	}()
	first := stream[:len(stream)-commandHeaderSize]
	go func() {
		_, _ = w.Write(first) // and then nothing: the source is slow
	}()
	buf := make([]byte, len(first))
	if _, err := io.ReadFull(got, buf); err != nil || !bytes.Equal(buf, first) {
		t.Errorf("got %v, %q", err, buf)
	}
	_ = w.CloseWithError(io.ErrClosedPipe)
	if err := <-failed; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Copy: %v", err)
	}
}

func TestWatcherSeesEveryCommandThatCounts(t *testing.T) {
	stream := mixedStream(t)
	var watched Stats
	stats, err := Copy(io.Discard, bytes.NewReader(stream), Limits{Watch: watched.Add})
	if err != nil {
		t.Fatal(err)
	}
	if watched.Kinds != stats.Kinds {
		t.Errorf("watched %v, counted %v", watched.Kinds, stats.Kinds)
	}
}
