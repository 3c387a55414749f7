//go:build root

package btrfs_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
)

// history makes a share with two snapshots: some files, then a few changes.
func history(t *testing.T, p *btrfs.Pool) (first, second btrfs.Snapshot) {
	t.Helper()
	share := newShare(t, p, "a")
	dir := filepath.Join(p.Path(), "a")
	random := rand.NewChaCha8([32]byte{1})
	for i := range 300 {
		must(t, os.MkdirAll(fmt.Sprintf("%s/%d", dir, i%7), 0o755))
		data := make([]byte, i*997)
		if i%2 == 0 {
			_, _ = random.Read(data)
		}
		must(t, os.WriteFile(fmt.Sprintf("%s/%d/file-%d", dir, i%7, i), data, 0o640))
	}
	first = snapshot(t, p, share, "task")
	big := make([]byte, 3<<20)
	_, _ = random.Read(big)
	must(t, os.WriteFile(dir+"/1/big", big, 0o600))
	must(t, os.Rename(dir+"/2", dir+"/two"))
	must(t, os.RemoveAll(dir+"/3"))
	must(t, os.Truncate(dir+"/4/file-4", 100))
	cloned, err := os.Create(dir + "/4/clone")
	must(t, err)
	must(t, btrfs.CloneRange(cloned, 0, openDir(t, dir+"/0/file-294"), 0, 0))
	must(t, cloned.Close())
	return first, snapshot(t, p, share, "task")
}

func send(t *testing.T, p *btrfs.Pool, r btrfs.SendRequest) ([]byte, sendstream.Stats) {
	t.Helper()
	var b bytes.Buffer
	stats, err := p.Send(t.Context(), &b, r)
	must(t, err)
	if stats.Bytes != int64(b.Len()) {
		t.Errorf("statistics say %d bytes, %d came", stats.Bytes, b.Len())
	}
	return b.Bytes(), stats
}

func TestIncrementIsWhatBtrfsProgsWrite(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		p := newPool(t, "compress=zstd")
		first, second := history(t, p)
		path := func(s btrfs.Snapshot) string { return filepath.Join(p.Path(), s.Path()) }
		for name, c := range map[string]struct {
			request btrfs.SendRequest
			args    []string
		}{
			"incremental": {btrfs.SendRequest{Snapshot: second.UUID, Parent: first.UUID}, []string{"-p", path(first), path(second)}},
			"clones":      {btrfs.SendRequest{Snapshot: second.UUID, Clones: []btrfs.UUID{first.UUID}}, []string{"-c", path(first), "-p", path(first), path(second)}},
		} {
			t.Run(name+" "+version, func(t *testing.T) {
				if name == "clones" {
					c.request.Parent = first.UUID
				}
				c.request.Version = uint32(version[0] - '0')
				c.request.Compressed = version == "2"
				args := append([]string{"send", "-q", "--proto", version}, c.args...)
				if c.request.Compressed {
					args = append(args, "--compressed-data")
				}
				want := filepath.Join(t.TempDir(), "stream")
				run(t, "btrfs", append(args, "-f", want)...)
				stock, err := os.ReadFile(want)
				must(t, err)
				ours, _ := send(t, p, c.request)
				if !bytes.Equal(ours, stock) {
					t.Errorf("%d bytes differ from the %d of btrfs-progs", len(ours), len(stock))
				}
			})
		}
	}
}

func TestSendNamesWhatIsMissing(t *testing.T) {
	p := newPool(t, "")
	share := newShare(t, p, "a")
	snap := snapshot(t, p, share, "task")
	for name, c := range map[string]struct {
		request btrfs.SendRequest
		want    error
	}{
		"parent elsewhere":   {btrfs.SendRequest{Snapshot: snap.UUID, Parent: btrfs.UUID{1}}, btrfs.ErrNoParent},
		"snapshot elsewhere": {btrfs.SendRequest{Snapshot: btrfs.UUID{1}}, btrfs.ErrNotSubvolume},
		"no snapshot":        {btrfs.SendRequest{}, btrfs.ErrNotSubvolume},
		"writable":           {btrfs.SendRequest{Snapshot: share.UUID}, btrfs.ErrNotReadOnly},
		"writable parent":    {btrfs.SendRequest{Snapshot: snap.UUID, Parent: share.UUID}, btrfs.ErrNotReadOnly},
		"clone elsewhere":    {btrfs.SendRequest{Snapshot: snap.UUID, Clones: []btrfs.UUID{{1}}}, btrfs.ErrNotSubvolume},
		"unknown version":    {btrfs.SendRequest{Snapshot: snap.UUID, Version: 99}, unix.EPROTO},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			_, err := p.Send(t.Context(), &b, c.request)
			wantError(t, err, c.want)
			if b.Len() > 0 {
				t.Errorf("%d bytes were written", b.Len())
			}
		})
	}
}

func TestSendStopsWithItsContextAndLeavesNothing(t *testing.T) {
	p := newPool(t, "")
	_, second := history(t, p)
	var files, threads int
	errStop := errors.New("stop")
	const rounds = 20
	for round := range rounds + 1 {
		if round == 1 { // the runtime keeps the threads of the first one
			files, threads = count(t, "/proc/self/fd"), count(t, "/proc/self/task")
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		writes := 0
		w := writerFunc(func(b []byte) (int, error) {
			writes++
			cancel(errStop)
			return len(b), nil
		})
		_, err := p.Send(ctx, w, btrfs.SendRequest{Snapshot: second.UUID})
		wantError(t, err, errStop)
		if writes > 2 {
			t.Errorf("it went on for %d writes", writes-1)
		}
	}
	if now := count(t, "/proc/self/fd"); now > files {
		t.Errorf("%d open files became %d", files, now)
	}
	if now := count(t, "/proc/self/task"); now > threads+rounds/2 {
		t.Errorf("%d threads became %d", threads, now)
	}
	must(t, p.ReleaseSnapshot(t.Context(), second, "task"))
}

func TestSendReportsTheErrorOfItsWriter(t *testing.T) {
	p := newPool(t, "")
	_, second := history(t, p)
	full := errors.New("full")
	w := writerFunc(func([]byte) (int, error) { return 0, full })
	_, err := p.Send(t.Context(), w, btrfs.SendRequest{Snapshot: second.UUID})
	wantError(t, err, full)
}

func TestSnapshotCannotBeDeletedWhileItIsSent(t *testing.T) {
	p := newPool(t, "")
	_, second := history(t, p)
	w := writerFunc(func(b []byte) (int, error) {
		wantError(t, p.ReleaseSnapshot(t.Context(), second, "task"), unix.EPERM)
		return 0, io.ErrClosedPipe
	})
	_, err := p.Send(t.Context(), w, btrfs.SendRequest{Snapshot: second.UUID})
	wantError(t, err, io.ErrClosedPipe)
	must(t, p.ReleaseSnapshot(t.Context(), second, "task"))
}

func TestSignalsDoNotReachASend(t *testing.T) {
	p := newPool(t, "")
	first, second := history(t, p)
	request := btrfs.SendRequest{Snapshot: second.UUID, Parent: first.UUID}
	quiet, _ := send(t, p, request)
	var disturbed bytes.Buffer
	signals := 0
	w := writerFunc(func(b []byte) (int, error) {
		for _, tid := range sendingThreads(t) {
			bombard(t, tid, 100)
			signals += 100
		}
		return disturbed.Write(b)
	})
	_, err := p.Send(t.Context(), w, request)
	must(t, err)
	if sha256.Sum256(quiet) != sha256.Sum256(disturbed.Bytes()) {
		t.Errorf("the stream changed under %d signals", signals)
	}
	if signals == 0 {
		t.Error("no signal hit the sending thread")
	}
	t.Logf("%d signals", signals)
}

// bombard sends n times SIGURG to a thread, at most 5000 a second.
func bombard(t *testing.T, tid, n int) {
	t.Helper()
	for range n {
		if err := unix.Tgkill(os.Getpid(), tid, unix.SIGURG); err != nil {
			t.Errorf("signal: %v", err)
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// sendingThreads finds the threads of this process that are blocked in SEND.
func sendingThreads(t *testing.T) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/syscall")
	must(t, err)
	var tids []int
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil || !strings.Contains(string(text), " 0x40489426 ") {
			continue
		}
		var tid int
		_, err = fmt.Sscanf(f, "/proc/self/task/%d/syscall", &tid)
		must(t, err)
		tids = append(tids, tid)
	}
	return tids
}

func count(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	return len(entries)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// A stopped and continued process is the one thing that no mask keeps from
// restarting a send. The process is this test binary.
func TestStopAndContinueOfTheProcessIsDetected(t *testing.T) {
	const variable = "BTRMESH_TEST_SEND"
	if args := os.Getenv(variable); args != "" {
		sendSlowly(t, args)
		return
	}
	p := newPool(t, "")
	first, second := history(t, p)
	verdict := stopAndContinue(t, variable+"="+p.Path()+"|"+second.UUID.String()+"|"+first.UUID.String())
	if !strings.Contains(verdict, "restarted=true") {
		t.Errorf("the child says %q", verdict)
	}
}

// A full stream is none of SEND's, which only holds the snapshot meanwhile.
func TestStopAndContinueOfTheProcessDoesNotTouchAFullStream(t *testing.T) {
	const variable = "BTRMESH_TEST_FULL_SEND"
	if args := os.Getenv(variable); args != "" {
		sendSlowly(t, args)
		return
	}
	p := newPool(t, "")
	snap := mixture(t, p)
	want, _ := send(t, p, btrfs.SendRequest{Snapshot: snap.UUID})
	verdict := stopAndContinue(t, variable+"="+p.Path()+"|"+snap.UUID.String()+"|"+btrfs.UUID{}.String())
	if verdict != fmt.Sprintf("%x restarted=false <nil>\n", sha256.Sum256(want)) {
		t.Errorf("the child says %q", verdict)
	}
}

// sendSlowly is the child: it reports when it has begun, waits for a byte on its
// standard input, and says how it ended.
func sendSlowly(t *testing.T, args string) {
	t.Helper()
	parts := strings.Split(args, "|")
	path := parts[0]
	uuid, err := btrfs.ParseUUID(parts[1])
	must(t, err)
	parent, err := btrfs.ParseUUID(parts[2])
	must(t, err)
	begun, sum := false, sha256.New()
	w := writerFunc(func(b []byte) (int, error) {
		if !begun {
			begun = true
			_, _ = fmt.Fprintln(os.Stderr, "begun")
			_, _ = io.ReadFull(os.Stdin, make([]byte, 1))
		}
		return sum.Write(b)
	})
	_, err = openPool(t, path).Send(t.Context(), w, btrfs.SendRequest{Snapshot: uuid, Parent: parent})
	_, _ = fmt.Fprintf(os.Stderr, "%x restarted=%v %v\n", sum.Sum(nil), errors.Is(err, sendstream.ErrRestarted), err)
}

// stopAndContinue runs this test in a child, stops and continues it in mid-send,
// and returns what it says in the end.
func stopAndContinue(t *testing.T, env string) string {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), env)
	stdin, err := child.StdinPipe()
	must(t, err)
	stderr, err := child.StderrPipe()
	must(t, err)
	must(t, child.Start())
	says := bufio.NewReader(stderr)
	line, err := says.ReadString('\n')
	if err != nil || line != "begun\n" {
		t.Errorf("the child says %q (%v)", line, err)
	}
	must(t, child.Process.Signal(unix.SIGSTOP))
	time.Sleep(100 * time.Millisecond)
	must(t, child.Process.Signal(unix.SIGCONT))
	time.Sleep(100 * time.Millisecond)
	_, err = stdin.Write([]byte{0})
	must(t, err)
	rest, err := io.ReadAll(says)
	must(t, err)
	_ = child.Wait()
	return string(rest)
}
