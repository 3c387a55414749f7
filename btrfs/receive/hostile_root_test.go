//go:build root

package receive_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
)

type (
	command = sendstream.Command
	encoder = sendstream.Encoder
)

// The snapshot that hostile streams claim to carry.
var claimed = [16]byte{0xc1, 0xa1}

const claimedCTransID = 5

// hostile is a stream whose last command but the end breaks a rule.
type hostile struct {
	rule    string
	detail  string // in the text of the error; may be empty
	honest  []command
	culprit command
	build   func(*encoder) // instead of culprit, for what is no legal command
	version uint32         // 0: 1
}

// victim is what the streams aim at: files of this machine, subvolumes of the
// pool, and another source's replica.
type victim struct {
	host    string
	secret  btrfs.UUID // a read-only subvolume of the pool
	foreign btrfs.UUID // source-side, of a snapshot in another replica
}

func TestHostileStreamIsRefusedAndTouchesNothing(t *testing.T) {
	pool := btrfstest.NewPool(t, btrfstest.PoolOptions{})
	target := receive.NewTarget(pool, slog.New(slog.DiscardHandler))
	v := plantVictim(t, pool, target)
	before := canaries(t, pool, v)
	for name, h := range hostileStreams(v) {
		t.Run(name, func(t *testing.T) {
			stream, offset := h.encode(t)
			_, err := target.Receive(t.Context(), claimedSpec(), bytes.NewReader(stream))
			wantRefused(t, err, offset, h)
			if diff := btrfstest.Diff(before, canaries(t, pool, v)); diff != "" {
				t.Errorf("canaries changed:\n%s", diff)
			}
			wantIncomingEmpty(t, pool)
		})
	}
}

func wantRefused(t *testing.T, err error, offset int64, h hostile) {
	t.Helper()
	var broken *sendstream.Error
	if !errors.As(err, &broken) {
		t.Fatalf("%v, want a broken rule", err)
	}
	if broken.Rule != h.rule || broken.Offset != offset || !strings.Contains(err.Error(), h.detail) {
		t.Errorf("%v: rule %q at %d, want %q at %d with %q", err, broken.Rule, broken.Offset, h.rule, offset, h.detail)
	}
}

func wantIncomingEmpty(t *testing.T, pool *btrfs.Pool) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(pool.Path(), ".btrmesh", "incoming"))
	must(t, err)
	if len(entries) > 0 {
		t.Errorf("incoming holds %v", entries)
	}
}

func claimedSpec() receive.Spec {
	return receive.Spec{
		Source: sourceID, SourceName: sourceName, Share: shareName, Run: 1,
		Snapshot: claimed, CTransID: claimedCTransID, Taken: time.Unix(1e9, 0),
	}
}

func plantVictim(t *testing.T, pool *btrfs.Pool, target *receive.Target) victim {
	t.Helper()
	v := victim{host: t.TempDir(), foreign: btrfs.UUID{0xf0}}
	must(t, os.WriteFile(filepath.Join(v.host, "file"), []byte("untouched"), 0o644))
	must(t, os.Mkdir(filepath.Join(v.host, "dir"), 0o755))
	root, err := os.Open(pool.Path())
	must(t, err)
	defer func() { must(t, root.Close()) }()
	must(t, btrfs.CreateSubvolume(root, "secret"))
	secret, err := os.Open(filepath.Join(pool.Path(), "secret"))
	must(t, err)
	defer func() { must(t, secret.Close()) }()
	must(t, os.WriteFile(filepath.Join(secret.Name(), "file"), make([]byte, 8192), 0o600))
	must(t, btrfs.SetReadOnly(secret, true))
	info, err := btrfs.Info(secret)
	must(t, err)
	v.secret = info.UUID

	s := claimedSpec()
	s.Source, s.SourceName, s.Snapshot = "8AAAAAAAAAAAA", "nas-b", v.foreign
	e := sendstream.NewEncoder(1)
	for _, c := range []command{
		{Type: sendstream.CmdSubvol, Path: []byte("x"), UUID: v.foreign, CTransID: claimedCTransID},
		{Type: sendstream.CmdMkfile, Path: []byte("file"), Ino: 257},
		{Type: sendstream.CmdWrite, Path: []byte("file"), Data: make([]byte, 8192)},
		{Type: sendstream.CmdEnd},
	} {
		must(t, e.Append(&c))
	}
	_, err = target.Receive(t.Context(), s, bytes.NewReader(e.Bytes()))
	must(t, err)
	return v
}

// canaries is the state of all that no stream may change.
func canaries(t *testing.T, pool *btrfs.Pool, v victim) btrfstest.Tree {
	t.Helper()
	all := t.TempDir()
	for name, dir := range map[string]string{
		"host": v.host, "secret": filepath.Join(pool.Path(), "secret"),
		"replicas": filepath.Join(pool.Path(), ".btrmesh", "replicas", "nas-b"),
	} {
		must(t, os.WriteFile(filepath.Join(all, name), []byte(digest(t, dir).String()), 0o600))
		must(t, os.Chtimes(filepath.Join(all, name), time.Unix(1, 0), time.Unix(1, 0)))
	}
	must(t, os.Chtimes(all, time.Unix(1, 0), time.Unix(1, 0)))
	return digest(t, all)
}

func (h hostile) encode(t *testing.T) (stream []byte, offset int64) {
	t.Helper()
	e := sendstream.NewEncoder(max(h.version, 1))
	subvol := command{Type: sendstream.CmdSubvol, Path: []byte("x"), UUID: claimed, CTransID: claimedCTransID}
	for _, c := range append([]command{subvol}, h.honest...) {
		must(t, e.Append(&c))
	}
	offset = int64(len(e.Bytes()))
	if h.build != nil {
		h.build(e)
	} else {
		must(t, e.Append(&h.culprit))
	}
	must(t, e.Append(&command{Type: sendstream.CmdEnd}))
	return e.Bytes(), offset
}

func symlink(path, text string) command {
	return command{Type: sendstream.CmdSymlink, Path: []byte(path), Ino: 300, Target: []byte(text)}
}

func mkfile(path string) command {
	return command{Type: sendstream.CmdMkfile, Path: []byte(path), Ino: 301}
}

func write(path string) command {
	return command{Type: sendstream.CmdWrite, Path: []byte(path), Data: []byte("OVERWRITTEN")}
}

func clone(of btrfs.UUID, path string) command {
	return command{
		Type: sendstream.CmdClone, Path: []byte("mine"), CloneUUID: of, CloneCTransID: claimedCTransID,
		ClonePath: []byte(path), CloneLen: 4096,
	}
}

func on(t sendstream.Type, path string) command {
	return command{Type: t, Path: []byte(path), Ino: 302}
}

// null is a device that a stream may make but not write to.
var null = command{Type: sendstream.CmdMknod, Path: []byte("null"), Ino: 303, Mode: unix.S_IFCHR | 0o600, Rdev: 0x103}

const (
	beneath = "path passes a symbolic link or leaves the subvolume"
	regular = "not a regular file"
	fits    = "command does not fit the tree it is applied to"
	source  = "clone source is not allowed"
	unsafe  = "unsafe path"
)

// hostileStreams holds one stream for each way out of the subvolume that is
// known, and for each malformation.
func hostileStreams(v victim) map[string]hostile {
	all := map[string]hostile{}
	for _, group := range []map[string]hostile{
		malformed(), throughSymlinks(v), intoSpecialFiles(), clones(v), misfits(),
	} {
		maps.Copy(all, group)
	}
	return all
}

func malformed() map[string]hostile {
	return map[string]hostile{
		"mkfile above":      {rule: unsafe, culprit: mkfile("../../out")},
		"mkfile absolute":   {rule: unsafe, culprit: mkfile("/out")},
		"mkfile with NUL":   {rule: unsafe, culprit: mkfile("a\x00b")},
		"rename above":      {rule: unsafe, honest: []command{mkfile("a")}, culprit: command{Type: sendstream.CmdRename, Path: []byte("a"), To: []byte("../a")}},
		"link from above":   {rule: unsafe, culprit: command{Type: sendstream.CmdLink, Path: []byte("a"), Target: []byte("../../secret/file")}},
		"clone from above":  {rule: unsafe, honest: []command{mkfile("mine")}, culprit: clone(claimed, "../../secret/file")},
		"bad checksum":      {rule: "checksum mismatch", build: func(e *encoder) { e.AppendRaw(sendstream.RawCommand{Type: sendstream.CmdUnlink, CRCXor: 1}) }},
		"unknown command":   {rule: "command not part of this stream version", build: func(e *encoder) { e.AppendRaw(sendstream.RawCommand{Type: 77}) }},
		"foreign attribute": {rule: "attribute does not belong here", build: func(e *encoder) { e.AppendRaw(raw(sendstream.CmdMkfile, 200)) }},
		"huge command": {rule: "command too long", build: func(e *encoder) {
			e.AppendBytes(binary.LittleEndian.AppendUint32(nil, 0x7ffffff0))
			e.AppendBytes(make([]byte, 6))
		}},
		"second subvolume":    {rule: "second subvolume in one stream", culprit: command{Type: sendstream.CmdSubvol, Path: []byte("y"), UUID: claimed}},
		"second header":       {rule: "command too long", detail: "restarted", build: func(e *encoder) { e.AppendBytes(sendstream.NewEncoder(1).Bytes()) }},
		"something after end": {rule: "bytes after the end command", honest: []command{{Type: sendstream.CmdEnd}}, culprit: mkfile("late")},
		"version 2 in 1":      {rule: "command not part of this stream version", culprit: on(sendstream.CmdFileattr, "a")},
	}
}

func raw(t sendstream.Type, a sendstream.Attr) sendstream.RawCommand {
	return sendstream.RawCommand{Type: t, Attrs: []sendstream.RawAttr{{Attr: a, Value: []byte("x")}}}
}

func throughSymlinks(v victim) map[string]hostile {
	link := []command{symlink("out", v.host), mkfile("mine")}
	file := []command{symlink("out", v.host+"/file"), mkfile("mine")}
	up := []command{symlink("out", "../../../../secret"), mkfile("mine")}
	through := func(c command) hostile { return hostile{rule: beneath, honest: link, culprit: c} }
	xattr := on(sendstream.CmdSetXattr, "out/file")
	xattr.Name, xattr.Data = []byte("user.x"), []byte("y")
	unxattr := on(sendstream.CmdRemoveXattr, "out/file")
	unxattr.Name = []byte("user.x")
	return map[string]hostile{
		"mkfile in a symlink":          through(mkfile("out/new")),
		"mkdir in a symlink":           through(on(sendstream.CmdMkdir, "out/new")),
		"mknod in a symlink":           through(command{Type: sendstream.CmdMknod, Path: []byte("out/new"), Ino: 1, Mode: unix.S_IFCHR | 0o600, Rdev: 0x103}),
		"symlink in a symlink":         through(symlink("out/new", "x")),
		"rename into a symlink":        through(command{Type: sendstream.CmdRename, Path: []byte("mine"), To: []byte("out/new")}),
		"rename out of a symlink":      through(command{Type: sendstream.CmdRename, Path: []byte("out/file"), To: []byte("stolen")}),
		"link out of a symlink":        through(command{Type: sendstream.CmdLink, Path: []byte("stolen"), Target: []byte("out/file")}),
		"link into a symlink":          through(command{Type: sendstream.CmdLink, Path: []byte("out/new"), Target: []byte("mine")}),
		"unlink in a symlink":          through(on(sendstream.CmdUnlink, "out/file")),
		"rmdir in a symlink":           through(on(sendstream.CmdRmdir, "out/dir")),
		"set_xattr in a symlink":       through(xattr),
		"remove_xattr in a symlink":    through(unxattr),
		"chmod in a symlink":           through(command{Type: sendstream.CmdChmod, Path: []byte("out/file"), Mode: 0o4777}),
		"chown in a symlink":           through(command{Type: sendstream.CmdChown, Path: []byte("out/file"), UID: 1, GID: 1}),
		"utimes in a symlink":          through(on(sendstream.CmdUtimes, "out/file")),
		"write in a symlink":           through(write("out/file")),
		"truncate in a symlink":        through(on(sendstream.CmdTruncate, "out/file")),
		"clone from a symlink's":       through(clone(claimed, "out/file")),
		"relative symlink to the pool": {rule: beneath, honest: up, culprit: clone(claimed, "out/file")},
		"fileattr in a symlink":        {rule: beneath, version: 2, honest: link, culprit: on(sendstream.CmdFileattr, "out/file")},
		"chmod of a symlink":           {rule: "mode of a symbolic link", honest: file, culprit: command{Type: sendstream.CmdChmod, Path: []byte("out"), Mode: 0o4777}},
		"write to a symlink":           {rule: regular, honest: file, culprit: write("out"), detail: "a symbolic link"},
		"truncate of a symlink":        {rule: regular, honest: file, culprit: on(sendstream.CmdTruncate, "out")},
		"clone to a symlink":           {rule: regular, honest: file, culprit: clone(claimed, "out")},
	}
}

func intoSpecialFiles() map[string]hostile {
	fifo := on(sendstream.CmdMkfifo, "fifo")
	fifo.Mode = unix.S_IFIFO | 0o600
	sock := on(sendstream.CmdMksock, "sock")
	sock.Mode = unix.S_IFSOCK | 0o600
	nodes := []command{null, fifo, sock, on(sendstream.CmdMkdir, "dir"), mkfile("mine")}
	encoded := write("null")
	encoded.Type, encoded.Compression = sendstream.CmdEncodedWrite, 1
	encoded.UnencodedFileLen, encoded.UnencodedLen = 4096, 4096
	fallocate := on(sendstream.CmdFallocate, "null")
	fallocate.Length = 4096
	return map[string]hostile{
		"write to a device":         {rule: regular, detail: "a device", honest: nodes, culprit: write("null")},
		"write to a fifo":           {rule: regular, detail: "a fifo", honest: nodes, culprit: write("fifo")},
		"write to a socket":         {rule: regular, detail: "a socket", honest: nodes, culprit: write("sock")},
		"write to a directory":      {rule: regular, detail: "a directory", honest: nodes, culprit: write("dir")},
		"truncate of a fifo":        {rule: regular, honest: nodes, culprit: on(sendstream.CmdTruncate, "fifo")},
		"clone from a fifo":         {rule: regular, honest: nodes, culprit: clone(claimed, "fifo")},
		"clone from a device":       {rule: regular, honest: nodes, culprit: clone(claimed, "null")},
		"encoded write to a device": {rule: regular, version: 2, honest: nodes, culprit: encoded},
		"fallocate of a device":     {rule: regular, version: 2, honest: nodes, culprit: fallocate},
	}
}

func clones(v victim) map[string]hostile {
	mine := []command{mkfile("mine")}
	return map[string]hostile{
		"clone from a subvolume of the pool": {rule: source, honest: mine, culprit: clone(v.secret, "file")},
		"clone from another's replica":       {rule: source, honest: mine, culprit: clone(v.foreign, "file")},
		"clone from nowhere":                 {rule: source, honest: mine, culprit: clone(btrfs.UUID{}, "file")},
	}
}

func misfits() map[string]hostile {
	extent := on(sendstream.CmdUpdateExtent, "mine")
	extent.Length = 4096
	return map[string]hostile{
		"file that is not there":   {rule: fits, culprit: write("nowhere")},
		"file that is there":       {rule: fits, honest: []command{mkfile("a")}, culprit: mkfile("a")},
		"file as a directory":      {rule: fits, honest: []command{mkfile("a")}, culprit: mkfile("a/b")},
		"rmdir of a full one":      {rule: fits, honest: []command{on(sendstream.CmdMkdir, "d"), mkfile("d/f")}, culprit: on(sendstream.CmdRmdir, "d")},
		"rename of what is not":    {rule: fits, culprit: command{Type: sendstream.CmdRename, Path: []byte("a"), To: []byte("b")}},
		"stream without file data": {rule: "stream was made without file data", honest: []command{mkfile("mine")}, culprit: extent},
	}
}
