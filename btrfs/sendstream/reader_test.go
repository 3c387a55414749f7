package sendstream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestReaderReturnsWhatTheEncoderWrote(t *testing.T) {
	for version, cmds := range map[uint32][]Command{1: samples(), 2: samplesV2()} {
		stream := encode(t, version, cmds...)
		want := append(cmds, Command{Type: CmdEnd})
		for name, src := range map[string]io.Reader{
			"at once":      bytes.NewReader(stream),
			"byte by byte": iotest.OneByteReader(bytes.NewReader(stream)),
			"eof early":    iotest.DataErrReader(bytes.NewReader(stream)),
		} {
			t.Run(fmt.Sprintf("v%d %s", version, name), func(t *testing.T) {
				got, err := readAll(src, Limits{})
				if err != nil {
					t.Fatal(err)
				}
				frame := cmpopts.IgnoreFields(Command{}, "Offset", "Size", "CRC")
				if diff := cmp.Diff(want, got, frame, cmpopts.EquateEmpty()); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestReaderSaysWhereEachCommandStands(t *testing.T) {
	stream := encode(t, 2, samplesV2()...)
	cmds, err := readAll(bytes.NewReader(stream), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	offset := int64(headerSize)
	for _, c := range cmds {
		if c.Offset != offset {
			t.Errorf("%v: offset %d, want %d", c.Type, c.Offset, offset)
		}
		if crc := binary.LittleEndian.Uint32(stream[offset+6:]); c.CRC != crc {
			t.Errorf("%v: crc %#x, want %#x", c.Type, c.CRC, crc)
		}
		offset += int64(c.Size)
	}
	if offset != int64(len(stream)) {
		t.Errorf("sizes add up to %d, want %d", offset, len(stream))
	}
}

func TestReaderReportsVersionAndOffset(t *testing.T) {
	stream := encode(t, 2, subvol())
	r := NewReader(bytes.NewReader(stream), Limits{})
	if r.Version() != 0 || r.Offset() != 0 {
		t.Errorf("before: version %d, offset %d", r.Version(), r.Offset())
	}
	var c Command
	if err := r.Next(&c); err != nil {
		t.Fatal(err)
	}
	if want := c.Offset + int64(c.Size); r.Version() != 2 || r.Offset() != want {
		t.Errorf("version %d, offset %d, want 2, %d", r.Version(), r.Offset(), want)
	}
}

func TestReaderEndsOnlyAfterEndAndEOF(t *testing.T) {
	whole := encode(t, 1, samples()...)
	for n := range whole {
		_, err := readAll(bytes.NewReader(whole[:n]), Limits{})
		wantRule(t, err, ruleTruncated)
		if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
}

func TestReaderRepeatsItsError(t *testing.T) {
	r := NewReader(strings.NewReader("no stream at all, but long enough"), Limits{})
	var c Command
	first := r.Next(&c)
	wantRule(t, first, ruleMagic)
	if second := r.Next(&c); !errors.Is(second, first) {
		t.Errorf("then %v", second)
	}
}

func TestReaderKeepsInputErrorsApartFromBadStreams(t *testing.T) {
	broken := errors.New("line cut")
	for _, failure := range []error{broken, fmt.Errorf("%w: %w", broken, io.EOF), io.ErrUnexpectedEOF} {
		whole := encode(t, 1, samples()...)
		for _, n := range []int{0, 5, headerSize, headerSize + 3, len(whole) - 4, len(whole)} {
			src := io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(failure))
			_, err := readAll(src, Limits{})
			if err == nil || errors.Is(err, ErrInvalid) || errors.Is(err, io.EOF) {
				t.Errorf("%v after %d bytes: got %v", failure, n, err)
			}
			if !strings.Contains(fmt.Sprint(err), failure.Error()) {
				t.Errorf("%v does not say %v", err, failure)
			}
		}
	}
}

func TestReaderGivesUpOnAnInputThatReturnsNothing(t *testing.T) {
	_, err := readAll(stuckReader{}, Limits{})
	if !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
}

type stuckReader struct{}

func (stuckReader) Read([]byte) (int, error) { return 0, nil }

func TestReaderChecksTheHeader(t *testing.T) {
	header := func(version uint32) []byte { return NewEncoder(version).Bytes() }
	tests := []struct {
		name   string
		stream []byte
		limits Limits
		rule   string
	}{
		{"version 0", header(0), Limits{}, ruleVersion},
		{"version 3", header(3), Limits{}, ruleVersion},
		{"version 3 allowed", header(3), Limits{MaxVersion: 3}, ruleTruncated},
		{"version 2 not allowed", header(2), Limits{MaxVersion: 1}, ruleVersion},
		{"version of all ones", header(math.MaxUint32), Limits{MaxVersion: 3}, ruleVersion},
		{"magic", []byte("btrfs-strEam\x00\x01\x00\x00\x00"), Limits{}, ruleMagic},
		{"nothing", nil, Limits{}, ruleTruncated},
		{"header only", header(1), Limits{}, ruleTruncated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readAll(bytes.NewReader(tt.stream), tt.limits)
			wantRule(t, err, tt.rule)
		})
	}
}

func TestReaderStopsAtTheAgreedSpace(t *testing.T) {
	write := data("a", 0, 5)
	content := int64(len(encode(t, 2, subvol(), write)) - len(encode(t, 2, subvol())))
	unlink := Command{Type: CmdUnlink, Path: []byte("b")}
	reserve := Command{Type: CmdFallocate, Path: []byte("a"), Length: 1000}
	punch := Command{Type: CmdFallocate, Path: []byte("a"), FallocateMode: 3, Length: 1 << 40}
	for name, c := range map[string]struct {
		commands []Command
		takes    int64
	}{
		"content":              {[]Command{write, write}, 2 * content},
		"content and removals": {[]Command{unlink, unlink, unlink, write, unlink, unlink}, content},
		"a hole":               {[]Command{write, punch}, content},
		"space set aside":      {[]Command{reserve, write}, content + 1000},
	} {
		stream := encode(t, 2, append([]Command{subvol()}, c.commands...)...)
		if _, err := readAll(bytes.NewReader(stream), Limits{MaxSpace: c.takes}); err != nil {
			t.Errorf("%s, of exactly the limit: %v", name, err)
		}
		_, err := readAll(bytes.NewReader(stream), Limits{MaxSpace: c.takes - 1})
		wantRule(t, err, ruleSpace)
		if !errors.Is(err, ErrTooMuch) || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// commandOf returns the header of a command that claims length bytes.
func commandOf(t Type, length uint32) []byte {
	b := binary.LittleEndian.AppendUint32(nil, length)
	return append(binary.LittleEndian.AppendUint16(b, uint16(t)), 0, 0, 0, 0)
}

func TestReaderBoundsTheLengthOfCommands(t *testing.T) {
	for _, tt := range []struct {
		version uint32
		limit   int
	}{{1, maxCommandV1}, {2, maxCommandV2}} {
		for length, rule := range map[uint32]string{
			uint32(tt.limit) - commandHeaderSize:     ruleTruncated,
			uint32(tt.limit) - commandHeaderSize + 1: ruleLength,
			math.MaxUint32:                           ruleLength,
		} {
			stream := append(NewEncoder(tt.version).Bytes(), commandOf(CmdSubvol, length)...)
			_, err := readAll(bytes.NewReader(stream), Limits{})
			wantRule(t, err, rule)
		}
	}
}

func TestReaderTakesTheLargestFirstCommand(t *testing.T) {
	e := NewEncoder(2)
	payload := make([]byte, maxCommandV2-commandHeaderSize-2)
	e.AppendRaw(RawCommand{Type: CmdSubvol, Attrs: []RawAttr{{Attr: AttrData, Value: payload}}})
	_, err := readAll(bytes.NewReader(e.Bytes()), Limits{})
	wantRule(t, err, ruleForeignAttr) // it was read whole before it was judged
}

func TestReaderNeedsBoundedMemoryWhateverIsClaimed(t *testing.T) {
	hostile := append(NewEncoder(2).Bytes(), commandOf(CmdWrite, 0x7fffffff)...)
	zeros := io.LimitReader(zeroReader{}, 1<<30)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := readAll(io.MultiReader(bytes.NewReader(hostile), zeros), Limits{})
	runtime.ReadMemStats(&after)
	wantRule(t, err, ruleLength)
	if n := after.TotalAlloc - before.TotalAlloc; n > 512<<10 {
		t.Errorf("allocated %d bytes", n)
	}
}

type zeroReader struct{}

func (zeroReader) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// restarted is a send that began anew after the first cut bytes.
func restarted(stream []byte, cut int) []byte {
	return append(bytes.Clone(stream[:cut]), stream...)
}

func TestReaderTellsARestartedSend(t *testing.T) {
	body := Command{Type: CmdWrite, Path: []byte("f"), Data: make([]byte, 300)}
	file := Command{Type: CmdMkfile, Path: []byte("f"), Ino: 257}
	for _, version := range []uint32{1, 2} {
		stream := encode(t, version, subvol(), file, body, body)
		for cut := headerSize; cut <= len(stream); cut++ {
			_, err := readAll(bytes.NewReader(restarted(stream, cut)), Limits{})
			if !errors.Is(err, ErrRestarted) || !errors.Is(err, ErrInvalid) {
				t.Fatalf("v%d, cut at %d: %v", version, cut, err)
			}
		}
	}
}

func TestReaderTakesFileContentForNoRestart(t *testing.T) {
	inner := encode(t, 1, samples()...)
	body := Command{Type: CmdWrite, Path: []byte("backup.stream"), Data: inner}
	stream := encode(t, 1, subvol(), body)
	if _, err := readAll(bytes.NewReader(stream), Limits{}); err != nil {
		t.Error(err)
	}
	_, err := readAll(bytes.NewReader(stream[:40]), Limits{})
	if errors.Is(err, ErrRestarted) {
		t.Errorf("truncated stream: %v", err)
	}
}

func TestNextDoesNotAllocate(t *testing.T) {
	e := NewEncoder(2)
	if err := e.Append(&samplesV2()[0]); err != nil {
		t.Fatal(err)
	}
	head := bytes.Clone(e.Bytes())
	e.Reset()
	for _, c := range samplesV2()[1:] {
		if err := e.Append(&c); err != nil {
			t.Fatal(err)
		}
	}
	r := NewReader(io.MultiReader(bytes.NewReader(head), &loopReader{buf: e.Bytes()}), Limits{})
	var c Command
	if n := testing.AllocsPerRun(10_000, func() {
		if err := r.Next(&c); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per command", n)
	}
}

// loopReader repeats buf for ever.
type loopReader struct {
	buf []byte
	at  int
}

func (r *loopReader) Read(b []byte) (int, error) {
	n := copy(b, r.buf[r.at:])
	r.at = (r.at + n) % len(r.buf)
	return n, nil
}
