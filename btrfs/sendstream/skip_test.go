package sendstream

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
)

// commandsOf are the commands of a good stream.
func commandsOf(tb testing.TB, stream []byte) []Command {
	tb.Helper()
	all, err := readAll(bytes.NewReader(stream), Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// positions are those after each command but the end, the beginning first.
func positions(all []Command) []Position {
	tracker := TrackFrom(Position{})
	list := []Position{{}}
	for i := range all[:len(all)-1] {
		tracker.Add(&all[i])
		at, _ := tracker.Position()
		list = append(list, at)
	}
	return list
}

func TestRestOfAStreamBeginsAfterThePosition(t *testing.T) {
	for name, stream := range map[string][]byte{"1": encode(t, 1, samples()...), "2": encode(t, 2, samplesV2()...)} {
		all := commandsOf(t, stream)
		for i, at := range positions(all) {
			var rest bytes.Buffer
			stats, err := CopyFrom(&rest, bytes.NewReader(stream), Limits{}, at)
			if err != nil {
				t.Fatal(err)
			}
			want := slices.Concat(stream[:headerSize], stream[max(at.Bytes, headerSize):])
			if !bytes.Equal(rest.Bytes(), want) {
				t.Errorf("version %s: after command %d come %d bytes, want %d", name, i, rest.Len(), len(want))
			}
			if stats.Bytes != int64(len(stream)) || stats.Bytes-stats.Skipped != int64(rest.Len()) {
				t.Errorf("%d bytes and %d skipped do not make %d", stats.Bytes, stats.Skipped, rest.Len())
			}
			wantContinued(t, rest.Bytes(), at, all[i:])
		}
	}
}

// wantContinued reads the rest of a stream and compares it with its commands.
func wantContinued(t *testing.T, rest []byte, at Position, want []Command) {
	t.Helper()
	if at.IsZero() {
		return
	}
	r := NewContinuation(bytes.NewReader(rest), Limits{}, at)
	var c Command
	for _, w := range want {
		if err := r.Next(&c); err != nil {
			t.Fatal(err)
		}
		if c.Type != w.Type || c.Offset != w.Offset || c.CRC != w.CRC {
			t.Errorf("%v at %d, want %v at %d", c.Type, c.Offset, w.Type, w.Offset)
		}
	}
	if err := r.Next(&c); err != io.EOF { //nolint:errorlint // bare
		t.Errorf("after the end: %v", err)
	}
}

// cutAnew are the same two files in other pieces.
func cutAnew(pieces ...[2]uint64) []Command {
	path := []byte("a")
	cmds := []Command{subvol(), {Type: CmdMkfile, Path: path, Ino: 257}}
	for _, p := range pieces {
		cmds = append(cmds, data("a", p[0], int(p[1]-p[0])))
	}
	return append(cmds, Command{Type: CmdTruncate, Path: path, Length: 100}, data("b", 0, 20))
}

func TestDataCutAnewIsSentFromThePieceThatReachesBeyondThePosition(t *testing.T) {
	at := positions(commandsOf(t, encode(t, 2, cutAnew([2]uint64{0, 40}, [2]uint64{40, 60})...)))[4]
	if at.DataEnd != 60 || at.Meta != 2 {
		t.Fatalf("position is %+v", at)
	}
	for what, c := range map[string]struct {
		pieces [][2]uint64
		want   []uint64 // offsets in a
	}{
		"the same":           {[][2]uint64{{0, 40}, {40, 60}, {60, 100}}, []uint64{60}},
		"one piece":          {[][2]uint64{{0, 100}}, []uint64{0}},
		"a piece across":     {[][2]uint64{{0, 10}, {10, 59}, {59, 61}, {61, 100}}, []uint64{59, 61}},
		"no more data":       {nil, nil},
		"less than was":      {[][2]uint64{{0, 10}}, nil},
		"a step back beyond": {[][2]uint64{{0, 70}, {70, 80}, {0, 10}}, []uint64{0, 70, 0}},
		"a step back before": {[][2]uint64{{0, 50}, {0, 10}, {10, 70}}, []uint64{0, 10}},
	} {
		t.Run(what, func(t *testing.T) {
			var rest bytes.Buffer
			_, err := CopyFrom(&rest, bytes.NewReader(encode(t, 2, cutAnew(c.pieces...)...)), Limits{}, at)
			if err != nil {
				t.Fatal(err)
			}
			if have := offsetsOf(t, rest.Bytes(), at); !slices.Equal(have, append(c.want, 0)) { // 0: of b
				t.Errorf("data at %v, want %v and b", have, c.want)
			}
		})
	}
}

func offsetsOf(t *testing.T, rest []byte, at Position) (offsets []uint64) {
	t.Helper()
	r := NewContinuation(bytes.NewReader(rest), Limits{}, at)
	for {
		var c Command
		err := r.Next(&c)
		if errors.Is(err, io.EOF) {
			return offsets
		}
		if err != nil {
			t.Fatal(err)
		}
		if c.IsData() {
			offsets = append(offsets, c.FileOffset)
		}
	}
}

func TestDataOfAnotherFileIsNotSkipped(t *testing.T) {
	at := Position{Meta: 1, DataEnd: 60, File: fileOf([]byte("z"))}
	at.Fingerprint = positions(commandsOf(t, encode(t, 2, subvol())))[1].Fingerprint
	var rest bytes.Buffer
	if _, err := CopyFrom(&rest, bytes.NewReader(encode(t, 2, subvol(), data("a", 0, 50))), Limits{}, at); err != nil {
		t.Fatal(err)
	}
	if have := offsetsOf(t, rest.Bytes(), at); len(have) != 1 {
		t.Errorf("data at %v, want one piece", have)
	}
}

func TestChangedStreamDiverges(t *testing.T) {
	mkfile := func(name string) Command { return Command{Type: CmdMkfile, Path: []byte(name), Ino: 257} }
	at := positions(commandsOf(t, encode(t, 1, subvol(), mkfile("a"), mkfile("b"), mkfile("c"))))[3]
	other := subvol()
	other.CTransID++
	for what, stream := range map[string][]byte{
		"another snapshot":   encode(t, 1, other, mkfile("a"), mkfile("b"), mkfile("c")),
		"another command":    encode(t, 1, subvol(), mkfile("a"), mkfile("x"), mkfile("c")),
		"another order":      encode(t, 1, subvol(), mkfile("b"), mkfile("a"), mkfile("c")),
		"a command more":     encode(t, 1, subvol(), mkfile("0"), mkfile("a"), mkfile("b")),
		"a command less":     encode(t, 1, subvol(), mkfile("a")),
		"data for a command": encode(t, 1, subvol(), mkfile("a"), data("a", 0, 5)),
	} {
		var dst bytes.Buffer
		_, err := CopyFrom(&dst, bytes.NewReader(stream), Limits{}, at)
		if !errors.Is(err, ErrDiverged) || errors.Is(err, ErrInvalid) || dst.Len() != 0 {
			t.Errorf("%s: %v, %d bytes written", what, err, dst.Len())
		}
	}
}

func TestSkippedPartIsJudgedToo(t *testing.T) {
	stream := encode(t, 2, samplesV2()...)
	at := positions(commandsOf(t, stream))[20]
	for i := range stream[:at.Bytes] {
		bad := bytes.Clone(stream)
		bad[i] ^= 1
		var dst bytes.Buffer
		if _, err := CopyFrom(&dst, bytes.NewReader(bad), Limits{}, at); !errors.Is(err, ErrInvalid) || dst.Len() != 0 {
			t.Fatalf("bit of byte %d: %v, %d bytes written", i, err, dst.Len())
		}
	}
}

func TestContinuationObeysTheRules(t *testing.T) {
	at := Position{Meta: 1, Bytes: 1000}
	good := encode(t, 1, data("a", 0, 5))
	for rule, c := range map[string]struct {
		stream []byte
		limits Limits
	}{
		ruleSecond:    {encode(t, 1, subvol()), Limits{}},
		rulePath:      {encode(t, 1, data("../a", 0, 5)), Limits{}},
		ruleAfterEnd:  {append(bytes.Clone(good), 0), Limits{}},
		ruleTruncated: {good[:len(good)-1], Limits{}},
		ruleMagic:     {good[1:], Limits{}},
		ruleSpace:     {good, Limits{MaxSpace: 10}},
	} {
		r := NewContinuation(bytes.NewReader(c.stream), c.limits, at)
		var cmd Command
		var err error
		for err == nil {
			err = r.Next(&cmd)
		}
		wantRule(t, err, rule)
	}
	r := NewContinuation(bytes.NewReader(good), Limits{MaxSpace: int64(len(good)) - headerSize}, at)
	var cmd Command
	for range 2 {
		if err := r.Next(&cmd); err != nil {
			t.Fatal(err)
		}
	}
	if r.Offset() != 1000+int64(len(good))-headerSize {
		t.Errorf("offset %d", r.Offset())
	}
}

func TestFailedWriteOfTheRestIsTold(t *testing.T) {
	stream := encode(t, 2, samplesV2()...)
	at := positions(commandsOf(t, stream))[5]
	dst := &failingWriter{err: errors.New("full")}
	if _, err := CopyFrom(dst, bytes.NewReader(stream), Limits{}, at); !errors.Is(err, dst.err) || dst.calls != 1 {
		t.Errorf("%v after %d writes", err, dst.calls)
	}
}

// FuzzSkip holds the rest of any stream after any of its positions to what the
// stream itself has there.
func FuzzSkip(f *testing.F) {
	f.Add(encode(f, 1, samples()...), uint(3))
	f.Add(encode(f, 2, samplesV2()...), uint(14))
	f.Add(encode(f, 2, cutAnew([2]uint64{0, 40}, [2]uint64{40, 60})...), uint(4))
	for _, stream := range kernelStreams(f) {
		f.Add(shortened(f, stream), uint(50))
	}
	f.Fuzz(func(t *testing.T, stream []byte, n uint) {
		stream = mend(stream)
		all, err := readAll(bytes.NewReader(stream), Limits{})
		if err != nil || len(all) < 2 {
			return
		}
		tracker := TrackFrom(Position{})
		n %= uint(len(all) - 1)
		for i := range all[:n] {
			tracker.Add(&all[i])
		}
		at, ok := tracker.Position()
		if !ok {
			return
		}
		var rest bytes.Buffer
		if _, err := CopyFrom(&rest, bytes.NewReader(stream), Limits{}, at); err != nil {
			t.Fatal(err)
		}
		wantRest(t, stream, rest.Bytes(), at)
	})
}

// wantRest checks that nothing is missing. Data that the position covers may
// come again.
func wantRest(t *testing.T, stream, rest []byte, at Position) {
	t.Helper()
	body, whole := bytes.CutPrefix(rest, stream[:headerSize])
	if !whole || !bytes.HasSuffix(stream, body) || len(body) < len(stream)-int(max(at.Bytes, headerSize)) {
		t.Fatalf("%d bytes are not the rest after %d", len(rest), at.Bytes)
	}
}
