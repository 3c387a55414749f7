//go:build root

package receive_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
)

var (
	memoryFiles = flag.Int("memory.files", 10000, "files of TestMemoryDoesNotGrowWithTheTree")
	memoryPeak  = flag.Int64("memory.peak", 0, "most memory its process may ever have had, in bytes; 0: any")
)

func TestMemoryDoesNotGrowWithTheTree(t *testing.T) {
	pool := btrfstest.NewPool(t, btrfstest.PoolOptions{Size: 16 << 30})
	dir, err := os.Open(pool.Path())
	must(t, err)
	defer func() { must(t, dir.Close()) }()
	before := heap()
	applied, err := receive.Apply(t.Context(), dir, sendstream.NewReader(&forest{files: *memoryFiles}, sendstream.Limits{}), receive.Options{Name: "forest"})
	must(t, err)
	defer func() { must(t, applied.Root.Close()) }()
	if grown := heap() - before; grown > 4<<20 {
		t.Errorf("%d bytes more in use after %d files", grown, *memoryFiles)
	}
	if had := peak(t); *memoryPeak > 0 && had > *memoryPeak {
		t.Errorf("the process had %d bytes at its peak, want at most %d", had, *memoryPeak)
	}
}

// The process is one of its own: others have made this one large.
func TestReceiveOfAHugeTreeTakesLessThan100MiB(t *testing.T) {
	files := inLongForm(100_000, 1_000_000)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^TestMemoryDoesNotGrowWithTheTree$",
		fmt.Sprintf("-memory.files=%d", files), fmt.Sprintf("-memory.peak=%d", 100<<20))
	out, err := child.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestMemoryDoesNotGrowWithTheTree")) {
		t.Errorf("%d files: %v\n%s", files, err, out)
	}
	t.Logf("%s", out)
}

// peak is the most physical memory that the process ever had, in bytes: VmHWM of
// proc_pid_status(5), which is in units of 1024 bytes.
func peak(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	must(t, err)
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			t.Logf("%d files, at most %d MiB", *memoryFiles, kib>>10)
			return kib << 10
		}
	}
	t.Fatal("the kernel does not say how much memory the process had")
	return 0
}

// heap is the number of bytes in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// forest reads as the stream of a tree of that many files, 50 in a directory.
type forest struct {
	files, done int
	buf         []byte
}

func (f *forest) Read(p []byte) (int, error) {
	if len(f.buf) == 0 {
		if f.done > f.files {
			return 0, io.EOF
		}
		f.buf = f.next()
		f.done++
	}
	n := copy(p, f.buf)
	f.buf = f.buf[n:]
	return n, nil
}

// next encodes the commands of one file, and of its directory before the first.
func (f *forest) next() []byte {
	e := sendstream.NewEncoder(1)
	header := len(e.Bytes())
	add := func(c command) {
		if err := e.Append(&c); err != nil {
			panic(err) // no value here is too long
		}
	}
	if f.done == 0 {
		header = 0
		add(command{Type: sendstream.CmdSubvol, Path: []byte("forest"), UUID: claimed})
	}
	if f.done == f.files {
		add(command{Type: sendstream.CmdEnd})
		return e.Bytes()[header:]
	}
	dir := fmt.Sprintf("d%d", f.done/50)
	if f.done%50 == 0 {
		f.entry(add, sendstream.CmdMkdir, 2*f.done, dir)
	}
	f.entry(add, sendstream.CmdMkfile, 2*f.done+1, fmt.Sprintf("%s/f%d", dir, f.done))
	return e.Bytes()[header:]
}

func (f *forest) entry(add func(command), kind sendstream.Type, ino int, path string) {
	temporary, at := fmt.Appendf(nil, "o%d-7-0", ino), []byte(path)
	add(command{Type: kind, Path: temporary, Ino: uint64(ino)})
	add(command{Type: sendstream.CmdRename, Path: temporary, To: at})
	if kind == sendstream.CmdMkfile {
		add(command{Type: sendstream.CmdWrite, Path: at, Data: make([]byte, 500)})
	}
	add(command{Type: sendstream.CmdChown, Path: at})
	add(command{Type: sendstream.CmdChmod, Path: at, Mode: 0o755})
	add(command{Type: sendstream.CmdUtimes, Path: at})
}
