package sendstream

import (
	"bytes"
	"errors"
	"testing"
)

// compose makes the stream of cmds as it is for a receiver at from, with the data
// of writes put into their rooms later.
func compose(version uint32, from Position, cmds []Command) ([]byte, Stats, error) {
	c := NewComposer(version, from)
	type late struct {
		room Room
		data []byte
	}
	var rooms []late
	for _, cmd := range append(cmds, Command{Type: CmdEnd}) {
		if cmd.Type != CmdWrite && cmd.Type != CmdEncodedWrite {
			if err := c.Add(&cmd); err != nil {
				return nil, c.Stats(), err
			}
			continue
		}
		data := cmd.Data
		room, wanted, err := c.AddRoom(&cmd, len(data))
		if err != nil {
			return nil, c.Stats(), err
		}
		if wanted {
			rooms = append(rooms, late{room, data})
		}
	}
	stats := c.Stats()
	piece := c.Take(nil)
	for _, l := range rooms {
		copy(l.room.In(piece), l.data)
		l.room.Seal(piece)
	}
	return piece, stats, nil
}

func samplesOf(version uint32) []Command {
	if version >= 2 {
		return samplesV2()
	}
	return samples()
}

func TestComposedStreamIsTheEncodedOneFromAnyPosition(t *testing.T) {
	for _, version := range []uint32{1, 2} {
		stream := encode(t, version, samplesOf(version)...)
		for i, at := range positions(commandsOf(t, stream)) {
			var want bytes.Buffer
			wantStats, err := CopyFrom(&want, bytes.NewReader(stream), Limits{}, at)
			if err != nil {
				t.Fatal(err)
			}
			got, stats, err := compose(version, at, samplesOf(version))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want.Bytes()) {
				t.Errorf("version %d: after command %d come %d bytes, want %d", version, i, len(got), want.Len())
			}
			if stats != wantStats {
				t.Errorf("version %d: after command %d the sums are %+v, want %+v", version, i, stats, wantStats)
			}
		}
	}
}

func TestComposerComesInPieces(t *testing.T) {
	c := NewComposer(1, Position{})
	var got, spare []byte
	for _, cmd := range append(samples(), Command{Type: CmdEnd}) {
		if err := c.Add(&cmd); err != nil {
			t.Fatal(err)
		}
		spare = c.Take(spare)
		got = append(got, spare...)
	}
	if want := encode(t, 1, samples()...); !bytes.Equal(got, want) {
		t.Errorf("%d bytes in pieces, want %d", len(got), len(want))
	}
}

func TestComposerNoticesAnotherStream(t *testing.T) {
	all := positions(commandsOf(t, encode(t, 1, samples()...)))
	other := samples()
	other[3].Ino++
	beyond := all[len(all)-1]
	beyond.Meta++
	for name, c := range map[string]struct {
		cmds []Command
		from Position
	}{
		"another inode":  {other, all[8]},
		"beyond the end": {samples(), beyond},
	} {
		piece, _, err := compose(1, c.from, c.cmds)
		if !errors.Is(err, ErrDiverged) || len(piece) > 0 {
			t.Errorf("%s: %v with %d bytes", name, err, len(piece))
		}
	}
}

func TestComposerRefusesWhatAReaderRefuses(t *testing.T) {
	path := []byte("file")
	for name, cmd := range map[string]Command{
		"way out":            {Type: CmdMkfile, Path: []byte("../file"), Ino: 257},
		"absolute path":      {Type: CmdMkdir, Path: []byte("/etc"), Ino: 257},
		"name of two parts":  {Type: CmdSubvol, Path: []byte("a/b")},
		"no such mode":       {Type: CmdMknod, Path: path, Ino: 257, Mode: 0o170000},
		"nanoseconds":        {Type: CmdUtimes, Path: path, MTime: Time{Nsec: 1e9}},
		"no owner":           {Type: CmdChown, Path: path, UID: 1<<32 - 1},
		"attribute's name":   {Type: CmdSetXattr, Path: path, Name: []byte("user\x00.a")},
		"newer command":      {Type: CmdEncodedWrite, Path: path, Data: []byte("x"), UnencodedLen: 1, Compression: 1},
		"unknown command":    {Type: 77},
		"empty symlink":      {Type: CmdSymlink, Path: path},
		"beyond the largest": {Type: CmdWrite, Path: path, FileOffset: 1 << 63},
	} {
		if err := NewComposer(1, Position{}).Add(&cmd); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
