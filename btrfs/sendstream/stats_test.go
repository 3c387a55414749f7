package sendstream

import (
	"bytes"
	"fmt"
	"io"
	"testing"
)

func TestStatsSumByKind(t *testing.T) {
	stream := encode(t, 2, samplesV2()...)
	s, err := Copy(io.Discard, bytes.NewReader(stream), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if want := len(samplesV2()) + 1; s.Commands != want || s.Version != 2 {
		t.Errorf("%d commands of version %d, want %d of 2", s.Commands, s.Version, want)
	}
	if k := s.Kinds[CmdUtimes]; k.Commands != 2 {
		t.Errorf("%d utimes, want 2", k.Commands)
	}
	if want := int64(len("content") + 4136 + 1<<20); s.DataBytes != want || s.UpdateExtentBytes != 1<<20 {
		t.Errorf("data %d, update_extent %d, want %d, %d", s.DataBytes, s.UpdateExtentBytes, want, 1<<20)
	}
	total := int64(headerSize)
	for _, k := range s.Kinds {
		total += k.Bytes
	}
	if total != s.Bytes || total != int64(len(stream)) {
		t.Errorf("kinds sum up to %d, all to %d, of %d", total, s.Bytes, len(stream))
	}
}

// realWrites is what the kernel sends for length bytes of the file at path.
func realWrites(path string, length, chunk int) []Command {
	var cmds []Command
	for sent := 0; sent < length; sent += chunk {
		data := make([]byte, min(chunk, length-sent))
		cmds = append(cmds, Command{Type: CmdWrite, Path: []byte(path), FileOffset: uint64(sent), Data: data})
	}
	return cmds
}

func TestEstimateIsTheLengthOfTheRealStream(t *testing.T) {
	for _, version := range []uint32{1, 2} {
		chunk := map[uint32]int{1: 48 << 10, 2: 128 << 10}[version]
		for _, length := range []int{0, 1, chunk - 1, chunk, chunk + 1, 5*chunk + 77} {
			t.Run(fmt.Sprintf("v%d of %d", version, length), func(t *testing.T) {
				path := "some/file"
				extent := Command{Type: CmdUpdateExtent, Path: []byte(path), Length: uint64(length)}
				others := []Command{subvol(), alter(CmdMkfile, func(*Command) {}), alter(CmdUtimes, func(*Command) {})}
				want := encode(t, version, append(others, realWrites(path, length, chunk)...)...)

				s, err := Copy(io.Discard, bytes.NewReader(encode(t, version, append(others, extent)...)), Limits{})
				if err != nil {
					t.Fatal(err)
				}
				if got := s.EstimateBytes(version); got != int64(len(want)) {
					t.Errorf("estimated %d, want %d", got, len(want))
				}
			})
		}
	}
}

func TestEstimateOfAnotherVersionCountsTheTimes(t *testing.T) {
	stream := func(version uint32) []byte {
		return encode(t, version, subvol(), Command{Type: CmdUtimes, Path: []byte("f")}, Command{Type: CmdUtimes, Path: []byte("g")})
	}
	for _, from := range []uint32{1, 2} {
		for _, to := range []uint32{1, 2} {
			s, err := Copy(io.Discard, bytes.NewReader(stream(from)), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := s.EstimateBytes(to), int64(len(stream(to))); got != want {
				t.Errorf("from %d to %d: %d, want %d", from, to, got, want)
			}
		}
	}
}

func TestEstimateDoesNotOverflowOnAnAbsurdLength(t *testing.T) {
	if n := writeSize(1, 0, 1<<62); n < 1<<62 {
		t.Errorf("got %d", n)
	}
}
