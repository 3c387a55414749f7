//go:build root

package receive_test

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"

	"btrmesh/btrfs/btrfstest"
	"btrmesh/btrfs/receive"
	"btrmesh/btrfs/sendstream"
)

var memoryFiles = flag.Int("memory.files", 10000, "files of TestMemoryDoesNotGrowWithTheTree")

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
