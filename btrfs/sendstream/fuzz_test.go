package sendstream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

// FuzzReader holds whatever comes out to the promises of Reader and Copy.
func FuzzReader(f *testing.F) {
	f.Add(encode(f, 1, samples()...))
	f.Add(encode(f, 2, samplesV2()...))
	f.Add(restarted(encode(f, 1, samples()...), 300))
	for _, stream := range kernelStreams(f) {
		f.Add(shortened(f, stream))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		checkStream(t, stream)
		checkStream(t, mend(stream))
	})
}

// shortened is a stream that does not slow the fuzzer down: the first commands of
// a long one.
func shortened(tb testing.TB, stream []byte) []byte {
	tb.Helper()
	short := bytes.Clone(stream[:headerSize])
	for _, c := range cutCommands(stream) {
		if len(short)+len(c) > 32<<10 {
			return append(short, encode(tb, 1)[headerSize:]...)
		}
		short = append(short, c...)
	}
	return short
}

// cutCommands are the commands of a well-formed stream as they are encoded.
func cutCommands(stream []byte) (commands [][]byte) {
	for rest := stream[headerSize:]; len(rest) > 0; {
		size := commandHeaderSize + binary.LittleEndian.Uint32(rest)
		commands, rest = append(commands, rest[:size:size]), rest[size:]
	}
	return commands
}

// mend makes all checksums right, so that the fuzzer gets to what they cover.
func mend(stream []byte) []byte {
	mended := bytes.Clone(stream)
	rest := mended[min(headerSize, len(mended)):]
	for len(rest) >= commandHeaderSize {
		size := commandHeaderSize + uint64(binary.LittleEndian.Uint32(rest))
		if size > uint64(len(rest)) {
			break
		}
		binary.LittleEndian.PutUint32(rest[6:], commandCRC(rest[:size]))
		rest = rest[size:]
	}
	return mended
}

func checkStream(t *testing.T, stream []byte) {
	t.Helper()
	r := NewReader(bytes.NewReader(stream), Limits{})
	var c Command
	var err error
	for err == nil {
		if err = r.Next(&c); err == nil {
			checkPromises(t, stream, r, &c)
		}
	}
	checkCopy(t, stream, err)
}

// checkPromises checks one accepted command.
func checkPromises(t *testing.T, stream []byte, r *Reader, c *Command) {
	t.Helper()
	if c.Offset+int64(c.Size) != r.Offset() || r.Offset() > int64(len(stream)) {
		t.Fatalf("%v at %d of %d bytes, reader at %d", c.Type, c.Offset, c.Size, r.Offset())
	}
	if offset, end, ok := c.DataRange(); ok != c.IsData() || offset < 0 || end < offset {
		t.Fatalf("%v: range %d to %d", c.Type, offset, end)
	}
	for _, path := range [][]byte{c.Path, c.To, c.ClonePath} {
		if len(path) > 0 && checkPath(AttrPath, path) != nil {
			t.Fatalf("%v: path %q", c.Type, path)
		}
	}
	e := NewEncoder(r.Version())
	if err := e.Append(c); err != nil {
		t.Fatalf("%v cannot be encoded again: %v", c.Type, err)
	}
}

// checkCopy checks that Copy sees the stream as Reader did.
func checkCopy(t *testing.T, stream []byte, readErr error) {
	t.Helper()
	var dst bytes.Buffer
	_, err := Copy(&dst, bytes.NewReader(stream), Limits{})
	if !bytes.HasPrefix(stream, dst.Bytes()) {
		t.Fatal("Copy changed the stream")
	}
	if errors.Is(readErr, io.EOF) {
		if err != nil || dst.Len() != len(stream) {
			t.Fatalf("Copy of a good stream: %v, %d bytes of %d", err, dst.Len(), len(stream))
		}
		return
	}
	if err == nil || err.Error() != readErr.Error() || !errors.Is(err, ErrInvalid) {
		t.Fatalf("Reader says %v, Copy %v", readErr, err)
	}
}
