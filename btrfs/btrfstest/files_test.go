package btrfstest

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"

	"btrmesh/btrfs/sendstream"
)

func TestAComposedStreamTurnsOneTreeIntoAnother(t *testing.T) {
	long := strings.Repeat("0123456789", 20_000)
	for name, c := range map[string]struct{ base, want files }{
		"nothing":                       {nil, files{}},
		"full":                          {nil, files{"a": "x", "b/c/d": long, "empty": ""}},
		"no change":                     {files{"a": long}, files{"a": long}},
		"overwrite":                     {files{"a": long}, files{"a": long[:70_000] + "!" + long[70_001:]}},
		"append":                        {files{"a": long}, files{"a": long + "!"}},
		"truncate":                      {files{"a": long}, files{"a": long[:10]}},
		"truncate to nothing":           {files{"a": long}, files{"a": ""}},
		"shorter and another":           {files{"a": long}, files{"a": "other"}},
		"remove":                        {files{"a": "x", "b": "y"}, files{"b": "y"}},
		"remove a directory":            {files{"d/e/a": "x", "b": "y"}, files{"b": "y"}},
		"file becomes directory":        {files{"a": "x"}, files{"a/b": "y"}},
		"directory becomes file":        {files{"a/b": "x"}, files{"a": "y"}},
		"remove all":                    {files{"a": "x", "d/b": "y"}, files{}},
		"names that share a beginning":  {files{"d/a": "x", "da": "y"}, files{"da": "y", "d-/a": "z"}},
		"one of two files in directory": {files{"d/a": "x", "d/b": "y"}, files{"d/b": "y"}},
	} {
		head := sendstream.Command{Type: sendstream.CmdSubvol, Path: []byte("data"), UUID: [16]byte{1}, CTransID: 7}
		for _, version := range []uint32{1, 2} {
			stream, err := compose(version, head, c.base, c.want)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got := mustApply(t, c.base, stream); !maps.Equal(got, c.want) {
				t.Errorf("%s, version %d: got %d files, want %d", name, version, len(got), len(c.want))
			}
		}
	}
}

func mustApply(t *testing.T, base files, stream []byte) files {
	t.Helper()
	rd := sendstream.NewReader(bytes.NewReader(stream), sendstream.Limits{})
	d := newDraft(base)
	var c sendstream.Command
	err := rd.Next(&c) // the head, which is not for the draft
	for err == nil {
		if err = rd.Next(&c); err == nil {
			err = d.apply(&c)
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return d.files()
}

func TestADraftRefusesWhatNoFakeTreeCanHold(t *testing.T) {
	path := []byte("a")
	for _, c := range []sendstream.Command{
		{Type: sendstream.CmdSymlink, Path: path, Target: path},
		{Type: sendstream.CmdClone, Path: path, ClonePath: path},
		{Type: sendstream.CmdLink, Path: path, Target: path},
		{Type: sendstream.CmdUnlink, Path: []byte("missing")},
		{Type: sendstream.CmdWrite, Path: []byte("missing"), Data: path},
		{Type: sendstream.CmdTruncate, Path: path, Length: maxContent + 1},
		{Type: sendstream.CmdWrite, Path: path, Data: path, FileOffset: maxContent},
	} {
		if err := newDraft(files{"a": "x"}).apply(&c); err == nil {
			t.Errorf("%v %q was applied", c.Type, c.Path)
		}
	}
}

func TestADraftRenamesFilesAndWholeDirectories(t *testing.T) {
	d := newDraft(files{"o1/a": "x", "o1b": "y"})
	for _, c := range []sendstream.Command{
		{Type: sendstream.CmdMkfile, Path: []byte("o2")},
		{Type: sendstream.CmdWrite, Path: []byte("o2"), FileOffset: 2, Data: []byte("z")},
		{Type: sendstream.CmdRename, Path: []byte("o2"), To: []byte("o1/b")},
		{Type: sendstream.CmdRename, Path: []byte("o1"), To: []byte("dir")},
	} {
		if err := d.apply(&c); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := d.files(), (files{"dir/a": "x", "dir/b": "\x00\x00z", "o1b": "y"}); !maps.Equal(got, want) {
		t.Errorf("tree is %q, want %q", got, want)
	}
}
