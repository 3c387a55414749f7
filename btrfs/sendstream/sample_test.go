package sendstream

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// samples has one legal command of each type, in an order a stream may have.
func samples() []Command {
	now := Time{Sec: 1_795_408_640, Nsec: 999_999_999}
	path := []byte("dir/file")
	return []Command{
		{Type: CmdSnapshot, Path: []byte("s2"), UUID: [16]byte{1, 2}, CTransID: 9, CloneUUID: [16]byte{3}, CloneCTransID: 7},
		{Type: CmdMkdir, Path: []byte("o258-7-0"), Ino: 258},
		{Type: CmdRename, Path: []byte("o258-7-0"), To: []byte("dir")},
		{Type: CmdMkfile, Path: path, Ino: 257},
		{Type: CmdMknod, Path: []byte("dir/null"), Ino: 259, Rdev: 0x103, Mode: 0o20666},
		{Type: CmdMkfifo, Path: []byte("dir/fifo"), Ino: 260, Mode: 0o10644},
		{Type: CmdMksock, Path: []byte("dir/sock"), Ino: 261, Mode: 0o140755},
		{Type: CmdSymlink, Path: []byte("dir/link"), Ino: 262, Target: []byte("/../anything goes//")},
		{Type: CmdLink, Path: []byte("dir/hard"), Target: path},
		{Type: CmdUnlink, Path: []byte("dir/hard")},
		{Type: CmdRmdir, Path: []byte("old")},
		{Type: CmdSetXattr, Path: nil, Name: []byte("user.a"), Data: []byte("value")},
		{Type: CmdRemoveXattr, Path: path, Name: []byte("security.capability")},
		{Type: CmdWrite, Path: path, FileOffset: 4096, Data: []byte("content")},
		{
			Type: CmdClone, Path: path, FileOffset: 8192, CloneLen: 4096, CloneUUID: [16]byte{3}, CloneCTransID: 7,
			ClonePath: []byte("old/file"), CloneOffset: 12288,
		},
		{Type: CmdTruncate, Path: path, Length: 1 << 40},
		{Type: CmdChmod, Path: nil, Mode: 0o6755},
		{Type: CmdChown, Path: path, UID: 1000, GID: 4_294_967_294},
		{Type: CmdUtimes, Path: path, ATime: now, MTime: Time{Sec: -5}, CTime: now},
		{Type: CmdUpdateExtent, Path: path, FileOffset: 1 << 30, Length: 1 << 20},
	}
}

// samplesV2 has the commands and attributes of version 2 as well.
func samplesV2() []Command {
	path := []byte("dir/file")
	return append(
		samples(),
		Command{Type: CmdUtimes, Path: nil, OTime: Time{Sec: 1, Nsec: 2}},
		Command{Type: CmdFallocate, Path: path, FallocateMode: 3, FileOffset: 8192, Length: 4096},
		Command{Type: CmdFileattr, Path: path, FileAttr: 16},
		Command{
			Type: CmdEncodedWrite, Path: path, FileOffset: 0, UnencodedFileLen: 4136, UnencodedLen: 8192,
			UnencodedOffset: 100, Compression: 2, Data: []byte("as compressed"),
		},
	)
}

// encode makes a whole stream of cmds; it adds the end.
func encode(tb testing.TB, version uint32, cmds ...Command) []byte {
	tb.Helper()
	e := NewEncoder(version)
	for _, c := range append(cmds, Command{Type: CmdEnd}) {
		if err := e.Append(&c); err != nil {
			tb.Fatal(err)
		}
	}
	return e.Bytes()
}

// subvol is the beginning of most streams made here.
func subvol() Command {
	return Command{Type: CmdSubvol, Path: []byte("s1"), UUID: [16]byte{1}, CTransID: 9}
}

// readAll returns the commands of a stream, their slices copied, and the error
// that ended it; nil stands for io.EOF.
func readAll(stream io.Reader, l Limits) ([]Command, error) {
	r := NewReader(stream, l)
	var all []Command
	for {
		var c Command
		err := r.Next(&c)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		for _, f := range []*[]byte{&c.Path, &c.To, &c.Target, &c.Name, &c.Data, &c.ClonePath} {
			*f = bytes.Clone(*f)
		}
		all = append(all, c)
	}
}

// wantRule checks that err is about the given rule and says so.
func wantRule(t *testing.T, err error, rule string) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got error %v, want one of rule %q", err, rule)
	}
	if e.Rule != rule {
		t.Errorf("got %v, want rule %q", err, rule)
	}
	if !errors.Is(err, ErrInvalid) {
		t.Errorf("%v does not match ErrInvalid", err)
	}
	if !strings.Contains(err.Error(), rule) {
		t.Errorf("%q does not name the rule %q", err, rule)
	}
}
