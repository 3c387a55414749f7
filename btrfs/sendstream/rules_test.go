package sendstream

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

// alter returns a legal command of the given type, changed.
func alter(t Type, change func(*Command)) Command {
	for _, c := range append(samplesV2(), subvol()) {
		if c.Type == t {
			change(&c)
			return c
		}
	}
	return Command{Type: t}
}

func TestReaderRefusesImpossibleValues(t *testing.T) {
	tests := []struct {
		name string
		cmd  Command
		rule string
	}{
		{"mknod of a regular file", alter(CmdMknod, func(c *Command) { c.Mode = 0o100644 }), ruleMode},
		{"mknod with unknown mode bits", alter(CmdMknod, func(c *Command) { c.Mode |= 1 << 16 }), ruleMode},
		{"mknod of a wide device number", alter(CmdMknod, func(c *Command) { c.Rdev = 1 << 32 }), ruleDevice},
		{"mkfifo of a device", alter(CmdMkfifo, func(c *Command) { c.Mode = 0o20644 }), ruleMode},
		{"mksock of a fifo", alter(CmdMksock, func(c *Command) { c.Mode = 0o10644 }), ruleMode},
		{"symlink to nothing", alter(CmdSymlink, func(c *Command) { c.Target = nil }), ruleSymlink},
		{"symlink with a NUL", alter(CmdSymlink, func(c *Command) { c.Target = []byte("a\x00b") }), ruleSymlink},
		{"symlink too long", alter(CmdSymlink, func(c *Command) { c.Target = make([]byte, 4096) }), ruleSymlink},
		{"xattr without a name", alter(CmdSetXattr, func(c *Command) { c.Name = nil }), ruleXattrName},
		{"xattr without a namespace", alter(CmdSetXattr, func(c *Command) { c.Name = []byte("name") }), ruleXattrName},
		{"xattr with an empty namespace", alter(CmdSetXattr, func(c *Command) { c.Name = []byte(".name") }), ruleXattrName},
		{"xattr with a namespace alone", alter(CmdRemoveXattr, func(c *Command) { c.Name = []byte("user.") }), ruleXattrName},
		{"xattr with a NUL", alter(CmdSetXattr, func(c *Command) { c.Name = []byte("user.a\x00") }), ruleXattrName},
		{"xattr name too long", alter(CmdSetXattr, func(c *Command) { c.Name = longName("user.", 256) }), ruleXattrName},
		{"write past the largest offset", alter(CmdWrite, func(c *Command) { c.FileOffset = math.MaxInt64 - 1 }), ruleRange},
		{"write at a negative offset", alter(CmdWrite, func(c *Command) { c.FileOffset = 1 << 63 }), ruleRange},
		{"clone to past the largest offset", alter(CmdClone, func(c *Command) { c.FileOffset = math.MaxInt64 - 4095 }), ruleRange},
		{"clone from past the largest offset", alter(CmdClone, func(c *Command) { c.CloneOffset = math.MaxInt64 - 4095 }), ruleRange},
		{"clone whose end wraps", alter(CmdClone, func(c *Command) { c.CloneLen = math.MaxUint64 }), ruleRange},
		{"clone of nothing", alter(CmdClone, func(c *Command) { c.CloneLen = 0 }), ruleZeroLength},
		{"truncate to a negative size", alter(CmdTruncate, func(c *Command) { c.Length = 1 << 63 }), ruleRange},
		{"update_extent whose end wraps", alter(CmdUpdateExtent, func(c *Command) { c.Length = math.MaxUint64 }), ruleRange},
		{"chmod with a file type", alter(CmdChmod, func(c *Command) { c.Mode = 0o100644 }), ruleMode},
		{"chown to uid -1", alter(CmdChown, func(c *Command) { c.UID = math.MaxUint32 }), ruleOwner},
		{"chown to a wide gid", alter(CmdChown, func(c *Command) { c.GID = 1 << 32 }), ruleOwner},
		{"atime of too many nanoseconds", alter(CmdUtimes, func(c *Command) { c.ATime.Nsec = 1e9 }), ruleTime},
		{"mtime of too many nanoseconds", alter(CmdUtimes, func(c *Command) { c.MTime.Nsec = 1e9 }), ruleTime},
		{"ctime of too many nanoseconds", alter(CmdUtimes, func(c *Command) { c.CTime.Nsec = 1e9 }), ruleTime},
		{"otime of too many nanoseconds", alter(CmdUtimes, func(c *Command) { c.OTime.Nsec = 1e9 }), ruleTime},
		{"fallocate that collapses", alter(CmdFallocate, func(c *Command) { c.FallocateMode = 8 }), ruleFallocate},
		{"fallocate that punches and grows", alter(CmdFallocate, func(c *Command) { c.FallocateMode = 2 }), ruleFallocate},
		{"fallocate of nothing", alter(CmdFallocate, func(c *Command) { c.Length = 0 }), ruleZeroLength},
		{"fallocate past the largest offset", alter(CmdFallocate, func(c *Command) { c.FileOffset = math.MaxInt64 }), ruleRange},
		{"encoded_write uncompressed", alter(CmdEncodedWrite, func(c *Command) { c.Compression = 0 }), ruleEncoding},
		{"encoded_write of unknown compression", alter(CmdEncodedWrite, func(c *Command) { c.Compression = 8 }), ruleEncoding},
		{"encoded_write encrypted", alter(CmdEncodedWrite, func(c *Command) { c.Encryption = 1 }), ruleEncoding},
		{"encoded_write without data", alter(CmdEncodedWrite, func(c *Command) { c.Data = nil }), ruleEncodedSize},
		{"encoded_write of too much data", alter(CmdEncodedWrite, func(c *Command) { c.Data = make([]byte, 128<<10+1) }), ruleEncodedSize},
		{"encoded_write of nothing", alter(CmdEncodedWrite, func(c *Command) { c.UnencodedLen = 0 }), ruleEncodedSize},
		{"encoded_write that expands too far", alter(CmdEncodedWrite, func(c *Command) { c.UnencodedLen = 128<<10 + 1 }), ruleEncodedSize},
		{"encoded_write that begins behind its data", alter(CmdEncodedWrite, func(c *Command) { c.UnencodedOffset = 8192 }), ruleEncodedSize},
		{"encoded_write that ends behind its data", alter(CmdEncodedWrite, func(c *Command) { c.UnencodedFileLen = 8093 }), ruleEncodedSize},
		{"encoded_write whose end wraps", alter(CmdEncodedWrite, func(c *Command) { c.UnencodedFileLen = math.MaxUint64 }), ruleEncodedSize},
		{"encoded_write past the largest offset", alter(CmdEncodedWrite, func(c *Command) { c.FileOffset = math.MaxInt64 }), ruleRange},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readAll(bytes.NewReader(encode(t, 2, subvol(), tt.cmd)), Limits{})
			wantRule(t, err, tt.rule)
			if !strings.Contains(err.Error(), "send stream at byte 65: "+tt.cmd.Type.String()) {
				t.Errorf("%q does not say where and which", err)
			}
		})
	}
}

func TestReaderAcceptsTheLimitsThemselves(t *testing.T) {
	cmds := []Command{
		subvol(),
		alter(CmdMknod, func(c *Command) { c.Rdev, c.Mode = math.MaxUint32, 0o67777 }),
		alter(CmdMkfifo, func(c *Command) { c.Mode = 0 }),
		alter(CmdSymlink, func(c *Command) { c.Target = bytes.Repeat([]byte("x"), 4095) }),
		alter(CmdSetXattr, func(c *Command) { c.Name, c.Data = longName("user.", 255), make([]byte, math.MaxUint16) }),
		alter(CmdWrite, func(c *Command) { c.FileOffset = math.MaxInt64 - uint64(len(c.Data)) }),
		alter(CmdWrite, func(c *Command) { c.Data = nil }),
		alter(CmdClone, func(c *Command) { c.CloneOffset = math.MaxInt64 - c.CloneLen }),
		alter(CmdTruncate, func(c *Command) { c.Length = math.MaxInt64 }),
		alter(CmdChmod, func(c *Command) { c.Mode = 0o7777 }),
		alter(CmdUtimes, func(c *Command) { c.ATime.Sec = math.MinInt64 }),
		alter(CmdEncodedWrite, func(c *Command) {
			c.Data, c.UnencodedLen, c.UnencodedFileLen = make([]byte, 128<<10), 128<<10, 128<<10-100
		}),
	}
	if _, err := readAll(bytes.NewReader(encode(t, 2, cmds...)), Limits{}); err != nil {
		t.Error(err)
	}
}

func TestReaderWantsOneSubvolumeFirst(t *testing.T) {
	file := alter(CmdMkfile, func(*Command) {})
	snapshot := alter(CmdSnapshot, func(*Command) {})
	tests := []struct {
		name string
		cmds []Command
		rule string
	}{
		{"nothing but the end", nil, ruleFirst},
		{"a file first", []Command{file, subvol()}, ruleFirst},
		{"two subvolumes", []Command{subvol(), file, subvol()}, ruleSecond},
		{"subvolume and snapshot", []Command{subvol(), snapshot}, ruleSecond},
		{"something after the end", []Command{subvol(), {Type: CmdEnd}}, ruleAfterEnd},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readAll(bytes.NewReader(encode(t, 1, tt.cmds...)), Limits{})
			wantRule(t, err, tt.rule)
		})
	}
}

func TestReaderWantsExactlyTheAttributesOfACommand(t *testing.T) {
	path := RawAttr{AttrPath, []byte("f")}
	ino := RawAttr{AttrIno, make([]byte, 8)}
	tests := []struct {
		name    string
		version uint32
		cmd     RawCommand
		rule    string
	}{
		{"missing", 1, RawCommand{Type: CmdMkfile, Attrs: []RawAttr{path}}, ruleMissing},
		{"none at all", 1, RawCommand{Type: CmdWrite}, ruleMissing},
		{"twice", 1, RawCommand{Type: CmdMkfile, Attrs: []RawAttr{path, ino, path}}, ruleTwice},
		{"of another command", 1, RawCommand{Type: CmdUnlink, Attrs: []RawAttr{path, ino}}, ruleForeignAttr},
		{"unknown", 1, RawCommand{Type: CmdUnlink, Attrs: []RawAttr{path, {32, nil}}}, ruleForeignAttr},
		{"number 0", 1, RawCommand{Type: CmdUnlink, Attrs: []RawAttr{path, {0, nil}}}, ruleForeignAttr},
		{"number 65535", 1, RawCommand{Type: CmdUnlink, Attrs: []RawAttr{path, {65535, nil}}}, ruleForeignAttr},
		{"too short", 1, RawCommand{Type: CmdMkfile, Attrs: []RawAttr{path, {AttrIno, make([]byte, 7)}}}, ruleAttrSize},
		{"too long", 1, RawCommand{Type: CmdMkfile, Attrs: []RawAttr{path, {AttrIno, make([]byte, 9)}}}, ruleAttrSize},
		{"empty number", 1, RawCommand{Type: CmdMkfile, Attrs: []RawAttr{path, {AttrIno, nil}}}, ruleAttrSize},
		{"otime in version 1", 1, RawCommand{Type: CmdUtimes, Attrs: []RawAttr{path, {AttrOTime, make([]byte, 12)}}}, ruleForeignAttr},
		{"data before the rest in version 2", 2, RawCommand{Type: CmdWrite, Attrs: []RawAttr{
			path, {AttrData, []byte("x")}, {AttrFileOffset, make([]byte, 8)},
		}}, ruleMissing},
		{"end with a path", 1, RawCommand{Type: CmdEnd, Attrs: []RawAttr{path}}, ruleForeignAttr},
		{"wrong checksum", 1, RawCommand{Type: CmdUnlink, Attrs: []RawAttr{path}, CRCXor: 1 << 31}, ruleCRC},
		{"command 0", 1, RawCommand{Type: 0, Attrs: []RawAttr{path}}, ruleUnknownCommand},
		{"command 26", 2, RawCommand{Type: 26, Attrs: []RawAttr{path}}, ruleUnknownCommand},
		{"command 65535", 2, RawCommand{Type: 65535}, ruleUnknownCommand},
		{"encoded_write in version 1", 1, RawCommand{Type: CmdEncodedWrite, Attrs: []RawAttr{path}}, ruleUnknownCommand},
		{"fallocate in version 1", 1, RawCommand{Type: CmdFallocate, Attrs: []RawAttr{path}}, ruleUnknownCommand},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readAll(bytes.NewReader(encodeRaw(t, tt.version, tt.cmd)), Limits{})
			wantRule(t, err, tt.rule)
		})
	}
}

// encodeRaw makes a stream of a subvolume, cmd and the end.
func encodeRaw(t *testing.T, version uint32, cmd RawCommand) []byte {
	t.Helper()
	e := NewEncoder(version)
	first := subvol()
	if err := e.Append(&first); err != nil {
		t.Fatal(err)
	}
	e.AppendRaw(cmd)
	e.AppendRaw(RawCommand{Type: CmdEnd})
	return e.Bytes()
}

func TestReaderRefusesAnAttributeThatLeavesItsCommand(t *testing.T) {
	for name, payload := range map[string][]byte{
		"half a type":         {15},
		"type alone":          {15, 0},
		"half a length":       {15, 0, 1},
		"length beyond":       {15, 0, 2, 0, 'f'},
		"largest length":      {15, 0, 0xff, 0xff, 'f'},
		"rest of a good path": {15, 0, 1, 0, 'f', 15},
	} {
		t.Run(name, func(t *testing.T) {
			c := Command{Type: CmdUnlink}
			wantRule(t, c.decode(payload, 1), ruleCutAttr)
		})
	}
}

func TestAttributesMayComeInAnyOrder(t *testing.T) {
	cmd := RawCommand{Type: CmdMkfile, Attrs: []RawAttr{{AttrIno, []byte{1, 1, 0, 0, 0, 0, 0, 0}}, {AttrPath, []byte("f")}}}
	cmds, err := readAll(bytes.NewReader(encodeRaw(t, 1, cmd)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if c := cmds[1]; c.Ino != 257 || string(c.Path) != "f" {
		t.Errorf("got %+v", c)
	}
}

func longName(prefix string, size int) []byte {
	return append([]byte(prefix), bytes.Repeat([]byte("n"), size-len(prefix))...)
}
