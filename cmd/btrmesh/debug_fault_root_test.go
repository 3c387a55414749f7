//go:build root

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/sendstream"
	"btrmesh/mesh/control"
)

func TestBadStreamReceivedByHandLeavesNothing(t *testing.T) {
	o := newOrigin(t, "")
	good := streamOf(t, ourSend, o.at(1))
	damaged := bytes.Clone(good)
	damaged[len(damaged)/2] ^= 1
	escape := forged(t, "s1",
		sendstream.Command{Type: sendstream.CmdSymlink, Path: []byte("o257-1-0"), Ino: 257, Target: []byte("..")},
		sendstream.Command{Type: sendstream.CmdRename, Path: []byte("o257-1-0"), To: []byte("up")},
		sendstream.Command{Type: sendstream.CmdMkfile, Path: []byte("up/file"), Ino: 258})
	dir := newPoolDir(t)
	for name, stream := range map[string][]byte{
		"nothing":             nil,
		"text":                []byte("not a stream at all, but some text\n"),
		"header alone":        good[:17],
		"cut in half":         good[:len(good)/2],
		"without its end":     good[:len(good)-10],
		"damaged":             damaged,
		"restarted":           append(bytes.Clone(good[:len(good)-10]), good...),
		"through a link":      escape,
		"name that leads out": forged(t, "../s1"),
		"private name":        forged(t, ".btrmesh"),
	} {
		code, out := give(t, ourReceive, stream, dir)
		if code != control.ExitTransfer || !strings.HasPrefix(out, "btrmesh: error: the stream ") {
			t.Errorf("%s: exit is %d, output is\n%s", name, code, out)
		}
		wantEntries(t, dir)
		wantEntries(t, filepath.Dir(dir), "dir")
	}
}

// forged makes a stream whose frames are sound.
func forged(t *testing.T, name string, commands ...sendstream.Command) []byte {
	t.Helper()
	e := sendstream.NewEncoder(1)
	all := append([]sendstream.Command{{Type: sendstream.CmdSubvol, Path: []byte(name), UUID: [16]byte{1}, CTransID: 1}}, commands...)
	for _, c := range append(all, sendstream.Command{Type: sendstream.CmdEnd}) {
		must(t, e.Append(&c))
	}
	return bytes.Clone(e.Bytes())
}

// unfinished is a receive that got half of a stream and waits for more.
type unfinished struct {
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	messages bytes.Buffer
}

func startUnfinished(t *testing.T, stream []byte, dir string) *unfinished {
	t.Helper()
	u := &unfinished{cmd: exec.CommandContext(t.Context(), "btrmesh", "debug", "receive", dir)}
	u.cmd.Stderr = &u.messages
	var err error
	u.stdin, err = u.cmd.StdinPipe()
	must(t, err)
	must(t, u.cmd.Start())
	_, err = u.stdin.Write(stream[:len(stream)/2])
	must(t, err)
	for range 6000 { // until it is in the middle of it
		if len(glob(t, dir+"/.btrmesh-receive-*/data/*")) > 1 {
			return u
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("nothing is staged: %s", u.messages.String())
	return nil
}

// end sends a signal and returns the exit code, -1 after a kill.
func (u *unfinished) end(t *testing.T, s os.Signal) int {
	t.Helper()
	must(t, u.cmd.Process.Signal(s))
	err := u.cmd.Wait()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		t.Fatal(err)
	}
	return u.cmd.ProcessState.ExitCode()
}

func TestInterruptedReceiveByHandLeavesNothing(t *testing.T) {
	o := newOrigin(t, "")
	stream := streamOf(t, ourSend, o.at(1))
	dir := newPoolDir(t)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		u := startUnfinished(t, stream, dir)
		if code := u.end(t, s); code != control.ExitInterrupted || !strings.Contains(u.messages.String(), "interrupted. Nothing of it was kept.") {
			t.Errorf("%v: exit is %d, stderr is\n%s", s, code, u.messages.String())
		}
		wantEntries(t, dir)
	}
}

func TestKilledReceiveByHandIsHiddenAndClearedByTheNext(t *testing.T) {
	o := newOrigin(t, "")
	stream := streamOf(t, ourSend, o.at(1))
	dir := newPoolDir(t)
	u := startUnfinished(t, stream, dir)
	if info, err := os.Stat(glob(t, dir+"/.btrmesh-receive-*")[0]); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("staging is %v, %v", info.Mode(), err)
	}
	// One that works is left alone, though it is of the same snapshot.
	receiveWith(t, ourReceive, stream, dir)
	if n := len(glob(t, dir+"/.btrmesh-receive-*")); n != 1 {
		t.Errorf("%d are staged beside it, want 1", n)
	}
	if code := u.end(t, os.Kill); code != -1 {
		t.Errorf("killed, and exit is %d", code)
	}
	receiveWith(t, ourReceive, streamOf(t, ourSend, "-p", o.at(1), o.snapshot(t)), dir)
	wantEntries(t, dir, "s1", "s2")
	wantCopy(t, o.at(2), dir+"/s2", true)
}

func TestParentThatIsMissingOrWritableIsRefused(t *testing.T) {
	o := newOrigin(t, "")
	stream := streamOf(t, ourSend, "-p", o.at(1), o.snapshot(t))
	dir := newPoolDir(t)
	code, out := give(t, ourReceive, stream, dir)
	if code != control.ExitConflict || !strings.Contains(out, "builds on a snapshot that is not here") {
		t.Errorf("missing: exit is %d\n%s", code, out)
	}
	receiveWith(t, ourReceive, streamOf(t, ourSend, o.at(1)), dir)
	must(t, btrfs.SetReadOnly(openDir(t, dir+"/s1"), false))
	code, out = give(t, ourReceive, stream, dir)
	if code != control.ExitConflict || !strings.Contains(out, "not read-only") {
		t.Errorf("writable: exit is %d\n%s", code, out)
	}
	wantEntries(t, dir, "s1")
}

func TestSnapshotThatIsThereIsRefusedAndUntouched(t *testing.T) {
	o := newOrigin(t, "")
	stream := streamOf(t, ourSend, o.at(1))
	dir := newPoolDir(t)
	receiveWith(t, ourReceive, stream, dir)
	code, out := give(t, ourReceive, stream, dir)
	want := "btrmesh: error: " + dir + "/s1 exists already and was left untouched.\n"
	if code != control.ExitConflict || !strings.HasPrefix(out, want) {
		t.Errorf("exit is %d, output is\n%s", code, out)
	}
	wantEntries(t, dir, "s1")
	wantCopy(t, o.at(1), filepath.Join(dir, "s1"), true)
}

func TestMistakesOfSendAndReceiveByHandAreNamed(t *testing.T) {
	o := newOrigin(t, "")
	foreign := t.TempDir()
	for _, c := range []struct {
		line []string
		code int
		text string
	}{
		{[]string{"debug", "send", o.share}, 6, "error: " + o.share + " is writable; only a read-only snapshot can be sent.\n"},
		{[]string{"debug", "send", "-p", o.share, o.at(1)}, 6, o.share + " is writable"},
		{[]string{"debug", "send", o.path + "/none"}, 5, "error: " + o.path + "/none does not exist.\n"},
		{[]string{"debug", "send", glob(t, o.at(1)+"/*")[0]}, 6, "is not the top of a subvolume.\n"},
		{[]string{"debug", "send", foreign}, 6, "error: " + foreign + " is not on btrfs.\n"},
		{[]string{"debug", "receive", foreign}, 6, ", not on btrfs.\n"},
		{[]string{"debug", "receive", o.path + "/none"}, 5, "does not exist.\n"},
		{[]string{"debug", "receive", "-f", foreign + "/none", o.path}, 5, "error: " + foreign + "/none does not exist.\n"},
	} {
		code, stdout, stderr := runArgs(t, c.line...)
		if code != c.code || stdout != "" || !strings.Contains(stderr, c.text) {
			t.Errorf("%v exits with %d, prints %q and %q", c.line, code, stdout, stderr)
		}
	}
}

func TestSendByHandIsRefusedToOthersThanRoot(t *testing.T) {
	file, err := os.Open(newStage(t).program)
	must(t, err)
	defer func() { must(t, file.Close()) }()
	cmd := exec.CommandContext(t.Context(), "/proc/self/fd/3", "debug", "send", "/snapshot")
	cmd.ExtraFiles = []*os.File{file} // its directory is closed to others
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if code := exitCode(t, err); code != control.ExitNotAllowed || !strings.HasPrefix(string(out), "btrmesh: error: debug send needs root") {
		t.Errorf("exit is %d, output is %s", code, out)
	}
}

func TestReceiveByHandIntoAFullPoolLeavesNothing(t *testing.T) {
	o := newOrigin(t, "")
	must(t, btrfstest.Fill(o.share, 1, 300<<20, 300<<20, 1))
	stream := streamOf(t, ourSend, o.snapshot(t))
	dir := btrfstest.NewPool(t, btrfstest.PoolOptions{Size: 256 << 20}).Path()
	code, out := give(t, ourReceive, stream, dir)
	if code != control.ExitTransfer || !strings.HasPrefix(out, "btrmesh: error: the file system is full: ") {
		t.Errorf("exit is %d, output is\n%s", code, out)
	}
	wantEntries(t, dir)
}

func TestSendByHandToAReaderThatSleepsEndsWithTheSecondCtrlC(t *testing.T) {
	o := newOrigin(t, "")
	must(t, btrfstest.Fill(o.share, 1, 8<<20, 8<<20, 1))
	cmd := exec.CommandContext(t.Context(), "btrmesh", "debug", "send", o.snapshot(t))
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	_, err = io.ReadFull(stdout, make([]byte, 17)) // it has begun
	must(t, err)
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // a signal ended it
		close(ended)
	}()
	for signals := 0; ; signals++ {
		select {
		case <-ended:
			if signals < 2 {
				t.Errorf("it ended after %d signals", signals)
			}
			return
		case <-time.After(200 * time.Millisecond):
			must(t, cmd.Process.Signal(syscall.SIGINT))
		}
		if signals > 300 { // a minute
			t.Fatal("it does not end")
		}
	}
}
