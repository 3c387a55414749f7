//go:build root

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/sendstream"
	"btrmesh/mesh/control"
)

// The programs that send and receive.
var (
	ourSend    = []string{"btrmesh", "debug", "send"}
	ourReceive = []string{"btrmesh", "debug", "receive"}
	btrfsSend  = []string{"btrfs", "-q", "send"}
	btrfsRecv  = []string{"btrfs", "-q", "receive"}
)

// origin is a pool with snapshots s1, s2, ... of a share that changes at random.
type origin struct {
	path  string
	share string
	taken int
}

func newOrigin(t *testing.T, mount string) *origin {
	t.Helper()
	o := &origin{path: btrfstest.NewPool(t, btrfstest.PoolOptions{Mount: mount}).Path()}
	o.share = filepath.Join(o.path, "share")
	must(t, btrfs.CreateSubvolume(openDir(t, o.path), "share"))
	o.snapshot(t)
	return o
}

// snapshot changes the share, takes the next snapshot and returns its path.
func (o *origin) snapshot(t *testing.T) string {
	t.Helper()
	o.taken++
	must(t, btrfstest.Mutate(o.share, uint64(o.taken), 300))
	name := fmt.Sprintf("s%d", o.taken)
	must(t, btrfs.CreateSnapshot(openDir(t, o.path), name, openDir(t, o.share), true))
	return o.at(o.taken)
}

func (o *origin) at(n int) string { return filepath.Join(o.path, fmt.Sprintf("s%d", n)) }

// openDir opens a directory until the test ends.
func openDir(t *testing.T, path string) *os.File {
	t.Helper()
	dir, err := os.Open(path)
	must(t, err)
	t.Cleanup(func() { must(t, dir.Close()) })
	return dir
}

// newPoolDir makes a directory on a new pool.
func newPoolDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(btrfstest.NewPool(t, btrfstest.PoolOptions{}).Path(), "dir")
	must(t, os.Mkdir(dir, 0o755))
	return dir
}

// streamOf returns what a program sends.
func streamOf(t *testing.T, program []string, args ...string) []byte {
	t.Helper()
	line := append(program[1:len(program):len(program)], args...)
	cmd := exec.CommandContext(t.Context(), program[0], line...)
	var stream, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stream, &messages
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v %v: %v\n%s", program, args, err, messages.String())
	}
	return stream.Bytes()
}

// receiveWith gives a stream to a program, which must succeed.
func receiveWith(t *testing.T, program []string, stream []byte, dir string) {
	t.Helper()
	if code, messages := give(t, program, stream, dir); code != 0 {
		t.Fatalf("%v exits with %d\n%s", program, code, messages)
	}
}

func give(t *testing.T, program []string, stream []byte, dir string) (code int, messages string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program[0], append(program[1:len(program):len(program)], dir)...)
	cmd.Stdin = bytes.NewReader(stream)
	out, err := cmd.CombinedOutput()
	return exitCode(t, err), string(out)
}

// wantCopy compares a received snapshot with its source and checks its marks.
// The times of a root that btrfs receive made are not compared: it does not get
// them right.
func wantCopy(t *testing.T, source, copied string, exact bool) {
	t.Helper()
	a, err := btrfstest.Digest(source)
	must(t, err)
	b, err := btrfstest.Digest(copied)
	must(t, err)
	diff := btrfstest.Diff(a, b)
	if lines := strings.Split(diff, "\n"); !exact && len(lines) == 3 && strings.HasPrefix(lines[0], `- "." `) {
		diff = ""
	}
	if diff != "" {
		t.Errorf("%s differs from %s:\n%s", copied, source, diff)
	}
	from, err := btrfs.Info(openDir(t, source))
	must(t, err)
	to, err := btrfs.Info(openDir(t, copied))
	must(t, err)
	if !to.ReadOnly || to.ReceivedUUID != from.UUID || to.STransID != from.CTransID {
		t.Errorf("%s is %+v, its source %+v", copied, to, from)
	}
}

// wantEntries fails unless dir holds exactly these names, hidden ones included.
func wantEntries(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var have []string
	for _, e := range entries {
		have = append(have, e.Name())
	}
	if strings.Join(have, " ") != strings.Join(names, " ") {
		t.Errorf("%s holds %v, want %v", dir, have, names)
	}
}

func TestSendAndReceiveByHandMixWithThoseOfBtrfs(t *testing.T) {
	o := newOrigin(t, "compress=zstd")
	for range 3 {
		o.snapshot(t)
	}
	for name, programs := range map[string][2][][]string{ // who sends, who receives; in turn
		"ours alone":    {{ourSend}, {ourReceive}},
		"to btrfs":      {{ourSend}, {btrfsRecv}},
		"from btrfs":    {{btrfsSend}, {ourReceive}},
		"in turn":       {{ourSend}, {ourReceive, btrfsRecv}},
		"in turn again": {{btrfsSend, ourSend}, {btrfsRecv, ourReceive}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newPoolDir(t)
			for n := 1; n <= o.taken; n++ {
				send, receive := programs[0][n%len(programs[0])], programs[1][n%len(programs[1])]
				args := []string{o.at(n)}
				if n > 1 {
					args = []string{"-p", o.at(n - 1), o.at(n)}
				}
				receiveWith(t, receive, streamOf(t, send, args...), dir)
				wantCopy(t, o.at(n), filepath.Join(dir, filepath.Base(o.at(n))), len(programs[1]) == 1 && &receive[0] == &ourReceive[0])
			}
			wantEntries(t, dir, "s1", "s2", "s3", "s4")
		})
	}
}

func TestCompressedDataIsSentInVersionTwo(t *testing.T) {
	// Without random files: one with a tail makes the whole stream plain.
	pool := btrfstest.NewPool(t, btrfstest.PoolOptions{Mount: "compress-force=zstd"}).Path()
	must(t, btrfs.CreateSubvolume(openDir(t, pool), "share"))
	must(t, os.WriteFile(filepath.Join(pool, "share", "text"), bytes.Repeat([]byte("compress me "), 100_000), 0o600))
	must(t, btrfs.CreateSnapshot(openDir(t, pool), "s1", openDir(t, filepath.Join(pool, "share")), true))
	snap := filepath.Join(pool, "s1")
	stream := streamOf(t, ourSend, "--compressed-data", snap)
	if !holds(t, stream, func(c *sendstream.Command) bool { return c.Type == sendstream.CmdEncodedWrite }) {
		t.Error("no extent is compressed")
	}
	for _, receive := range [][]string{ourReceive, btrfsRecv} {
		dir := newPoolDir(t)
		receiveWith(t, receive, stream, dir)
		wantCopy(t, snap, filepath.Join(dir, "s1"), false)
	}
}

// holds tells whether a command of a sound stream is wanted.
func holds(t *testing.T, stream []byte, wanted func(*sendstream.Command) bool) bool {
	t.Helper()
	rd := sendstream.NewReader(bytes.NewReader(stream), sendstream.Limits{})
	for found := false; ; {
		var c sendstream.Command
		err := rd.Next(&c)
		if errors.Is(err, io.EOF) {
			return found
		}
		must(t, err)
		found = found || wanted(&c)
	}
}

func TestSeveralSnapshotsInOneStreamAreAllReceived(t *testing.T) {
	o := newOrigin(t, "")
	o.snapshot(t)
	streams := map[string][]byte{
		"of btrfs": streamOf(t, btrfsSend, o.at(1), o.at(2)),
		"of ours":  append(streamOf(t, ourSend, o.at(1)), streamOf(t, ourSend, "-p", o.at(1), o.at(2))...),
	}
	for name, stream := range streams {
		for _, receive := range [][]string{ourReceive, btrfsRecv} {
			dir := newPoolDir(t)
			receiveWith(t, receive, stream, dir)
			wantEntries(t, dir, "s1", "s2")
			for n := 1; n <= 2; n++ {
				t.Log(name, receive)
				wantCopy(t, o.at(n), filepath.Join(dir, filepath.Base(o.at(n))), &receive[0] == &ourReceive[0])
			}
		}
	}
}

func TestSnapshotsBeforeABadOneInAStreamStay(t *testing.T) {
	o := newOrigin(t, "")
	second := streamOf(t, ourSend, "-p", o.at(1), o.snapshot(t))
	dir := newPoolDir(t)
	code, out := give(t, ourReceive, append(streamOf(t, ourSend, o.at(1)), second[:len(second)-1]...), dir)
	if code != control.ExitTransfer || !strings.HasPrefix(out, "✓ "+dir+"/s1 received: full, ") {
		t.Errorf("exit is %d, output is\n%s", code, out)
	}
	wantEntries(t, dir, "s1")
	wantCopy(t, o.at(1), filepath.Join(dir, "s1"), true)
}

func TestClonesComeFromTheSnapshotThatWasNamed(t *testing.T) {
	o := newOrigin(t, "")
	big := filepath.Join(o.share, "big")
	must(t, btrfstest.Fill(big, 1, 1<<20, 1<<20, 1))
	other := o.snapshot(t)
	snap := o.snapshot(t)
	from, err := btrfs.Info(openDir(t, other))
	must(t, err)
	stream := streamOf(t, ourSend, "-c", other, snap)
	if !holds(t, stream, func(c *sendstream.Command) bool { return c.Type == sendstream.CmdClone && c.CloneUUID == from.UUID }) {
		t.Error("nothing is cloned")
	}
	for _, receive := range [][]string{ourReceive, btrfsRecv} {
		dir := newPoolDir(t)
		if code, out := give(t, ourReceive, stream, dir); code != control.ExitConflict || !strings.Contains(out, "is not here") {
			t.Errorf("without the source: exit is %d\n%s", code, out)
		}
		wantEntries(t, dir)
		receiveWith(t, ourReceive, streamOf(t, ourSend, other), dir)
		receiveWith(t, receive, stream, dir)
		wantCopy(t, snap, filepath.Join(dir, filepath.Base(snap)), false)
	}
}

func TestFileOfAStreamIsWholeOrNotThere(t *testing.T) {
	o := newOrigin(t, "")
	file := filepath.Join(t.TempDir(), "stream")
	elsewhere := newOrigin(t, "").at(1)
	code, _, stderr := runArgs(t, "debug", "send", "-f", file, "-p", elsewhere, o.at(1))
	if code != control.ExitConflict || !strings.Contains(stderr, "must be on the file system of SNAPSHOT") {
		t.Errorf("exit is %d, stderr is %s", code, stderr)
	}
	wantEntries(t, filepath.Dir(file))
	code, stdout, stderr := runArgs(t, "debug", "send", "-f", file, o.at(1))
	if code != 0 || stderr != "" || !strings.HasPrefix(stdout, "✓ s1 sent: full, ") {
		t.Errorf("exit is %d, output is %s%s", code, stdout, stderr)
	}
	if code, _, stderr := runArgs(t, "debug", "send", o.at(1), "-f", file); code != control.ExitConflict {
		t.Errorf("over a file that is there: exit is %d, %s", code, stderr)
	}
	dir := newPoolDir(t)
	code, stdout, stderr = runArgs(t, "debug", "receive", dir, "--file", file, "--json")
	if code != 0 || stderr != "" || !strings.Contains(stdout, `"kind":"debug.receive"`) {
		t.Errorf("exit is %d, output is %s%s", code, stdout, stderr)
	}
	wantCopy(t, o.at(1), dir+"/s1", true)
}
