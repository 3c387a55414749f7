package sendstream

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"
)

// streamsOf reads all streams of src, each judged by a Reader. It returns those
// before the first error, nil standing for the end of the input.
func streamsOf(src io.Reader) (streams [][]byte, err error) {
	many := NewMany(src)
	for {
		part, err := many.Next()
		if errors.Is(err, io.EOF) {
			return streams, nil
		}
		if err != nil {
			return streams, err
		}
		var stream bytes.Buffer
		if _, err := Copy(&stream, part, Limits{}); err != nil {
			return streams, err
		}
		streams = append(streams, stream.Bytes())
	}
}

func TestEveryStreamOfAnInputIsHandedOutWhole(t *testing.T) {
	want := [][]byte{encode(t, 1, samples()...), mixedStream(t), encode(t, 2, samplesV2()...), encode(t, 1, subvol())}
	for n := 1; n <= len(want); n++ {
		input := slices.Concat(want[:n]...)
		for name, src := range map[string]io.Reader{
			"at once":        bytes.NewReader(input),
			"with its end":   iotest.DataErrReader(bytes.NewReader(input)),
			"byte by byte":   iotest.OneByteReader(bytes.NewReader(input)),
			"by odd lengths": &pieceReader{src: bytes.NewReader(input), rng: rand.New(rand.NewPCG(1, 2))},
		} {
			got, err := streamsOf(src)
			if err != nil || !slices.EqualFunc(got, want[:n], bytes.Equal) {
				t.Errorf("%d streams %s: got %d, %v", n, name, len(got), err)
			}
		}
	}
}

func TestStreamsBeforeABadOneAreHandedOut(t *testing.T) {
	good := encode(t, 1, samples()...)
	for name, c := range map[string]struct {
		tail []byte
		rule string
	}{
		"no stream":       {[]byte("what follows is something else"), ruleMagic},
		"one byte":        {[]byte("b"), ruleTruncated},
		"cut short":       {good[:len(good)-1], ruleTruncated},
		"header alone":    {good[:headerSize], ruleTruncated},
		"damaged":         {flipped(good, len(good)/2), ruleCRC},
		"a second header": {slices.Concat(good[:len(good)-commandHeaderSize], good), ruleLength},
	} {
		got, err := streamsOf(bytes.NewReader(slices.Concat(good, c.tail)))
		if len(got) != 1 || !bytes.Equal(got[0], good) {
			t.Errorf("%s: %d streams before it, want 1", name, len(got))
		}
		wantRule(t, err, c.rule)
	}
}

func flipped(stream []byte, at int) []byte {
	stream = bytes.Clone(stream)
	stream[at] ^= 1
	return stream
}

func TestEmptyInputIsNoStream(t *testing.T) {
	_, err := streamsOf(bytes.NewReader(nil))
	wantRule(t, err, ruleTruncated)
}

func TestFailingInputIsNotTakenForItsEnd(t *testing.T) {
	broken := errors.New("broken")
	good := encode(t, 1, samples()...)
	for _, n := range []int{0, len(good) / 2, len(good)} {
		_, err := streamsOf(io.MultiReader(bytes.NewReader(good[:n]), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

func TestNextStreamWaitsForTheEndOfTheOneBefore(t *testing.T) {
	good := encode(t, 1, samples()...)
	many := NewMany(bytes.NewReader(slices.Concat(good, good)))
	part, err := many.Next()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, part, int64(len(good)-1)); err != nil {
		t.Fatal(err)
	}
	if _, err := many.Next(); err == nil {
		t.Error("it is handed out before")
	}
	if n, err := io.Copy(io.Discard, part); n != 1 || err != nil {
		t.Errorf("rest of the first is %d bytes, %v", n, err)
	}
	if _, err := many.Next(); err != nil {
		t.Error(err)
	}
}

// Whatever an input holds, and however it comes, none of it is lost, made up or
// swapped.
func FuzzMany(f *testing.F) {
	one := NewEncoder(1)
	for _, c := range []Command{subvol(), {Type: CmdEnd}} {
		if err := one.Append(&c); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(slices.Concat(one.Bytes(), one.Bytes()), uint64(1))
	f.Add([]byte(magic), uint64(2))
	f.Fuzz(func(t *testing.T, input []byte, seed uint64) {
		many := NewMany(&pieceReader{src: bytes.NewReader(input), rng: rand.New(rand.NewPCG(seed, 0))})
		var got []byte
		for {
			part, err := many.Next()
			if err != nil {
				break
			}
			stream, err := io.ReadAll(part)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, stream...)
		}
		if !bytes.Equal(got, input) {
			t.Errorf("%d bytes came out as %d", len(input), len(got))
		}
	})
}
