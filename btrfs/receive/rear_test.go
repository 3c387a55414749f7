package receive

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs/sendstream"
)

// newRear returns one that puts files into a directory of its own.
func newRear(t *testing.T) (*rear, string) {
	t.Helper()
	r := &rear{content: &content{ledger: ledger{large: true}}}
	t.Cleanup(func() {
		r.close()
		r.content.trail.wait()
	})
	return r, t.TempDir()
}

func create(t *testing.T, path string) openFile {
	t.Helper()
	fd, err := unix.Open(path, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, newFileMode)
	if err != nil {
		t.Fatal(err)
	}
	return openFile{path: path, open: true, fd: fd}
}

func isOpen(file openFile) bool {
	_, err := unix.FcntlInt(uintptr(file.fd), unix.F_GETFD, 0)
	return err == nil
}

func writing(data string, at uint64) *sendstream.Command {
	return &sendstream.Command{Type: sendstream.CmdWrite, Path: []byte("f"), Data: []byte(data), FileOffset: at}
}

func TestRearDoesAllInOrderWhateverFitsALoad(t *testing.T) {
	r, dir := newRear(t)
	long := strings.Repeat("x", loadBytes/3)
	for _, name := range []string{"a", "b", "c"} {
		if err := r.begin(create(t, filepath.Join(dir, name)), writing(long, 0)); err != nil {
			t.Fatal(err)
		}
		for i := range uint64(loadTasks) {
			if err := r.goOn(writing(name, i)); err != nil {
				t.Fatal(err)
			}
		}
		date := &sendstream.Command{Type: sendstream.CmdUtimes, MTime: sendstream.Time{Sec: 1}}
		if err := r.goOn(date); err != nil {
			t.Fatal(err)
		}
	}
	last, err := r.recall()
	if err != nil || last.path != filepath.Join(dir, "c") || r.path != "" {
		t.Fatalf("have %q, %v", last.path, err)
	}
	release(&last)
	for _, name := range []string{"a", "b", "c"} {
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if want := strings.Repeat(name, loadTasks) + long[loadTasks:]; err != nil || string(data) != want {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
		if info, err := os.Stat(path); err != nil || !info.ModTime().Equal(time.Unix(1, 0)) {
			t.Errorf("%s: %v, %v", name, info.ModTime(), err)
		}
	}
}

func TestRearKeepsACopyOfWhatItIsGiven(t *testing.T) {
	r, dir := newRear(t)
	c := writing("as it was", 0)
	path := filepath.Join(dir, "f")
	if err := r.begin(create(t, path), c); err != nil {
		t.Fatal(err)
	}
	clear(c.Data)
	file, err := r.recall()
	release(&file)
	if data, _ := os.ReadFile(path); err != nil || !bytes.Equal(data, []byte("as it was")) {
		t.Errorf("have %q, %v", data, err)
	}
}

func TestRearStopsAtAnErrorAndBlamesTheCommand(t *testing.T) {
	r, dir := newRear(t)
	bad := openFile{path: "bad", open: true, fd: create(t, filepath.Join(dir, "bad")).fd}
	c := &sendstream.Command{Type: sendstream.CmdEncodedWrite, Path: []byte("bad"), Offset: 77, Data: []byte("no zstd"), Compression: compressionZstd, UnencodedLen: 1, UnencodedFileLen: 1}
	r.content.plain = true
	if err := r.begin(bad, c); err != nil {
		t.Fatal(err)
	}
	var err error
	for n := 0; err == nil && n < loads*loadTasks+1; n++ {
		err = r.begin(create(t, filepath.Join(dir, "good")), writing("data", 0))
	}
	broken, ok := errors.AsType[*sendstream.Error](err)
	if !ok || broken.Offset != 77 || broken.Rule != ruleDecode {
		t.Errorf("added until %v", err)
	}
	file, again := r.recall()
	release(&file)
	if !errors.Is(again, sendstream.ErrInvalid) {
		t.Errorf("recalled with %v", again)
	}
	if info, err := os.Stat(filepath.Join(dir, "good")); err != nil || info.Size() != 0 {
		t.Errorf("something was written after the error: %v, %v", info.Size(), err)
	}
}

func TestRearClosesEveryFileItWasGiven(t *testing.T) {
	r, dir := newRear(t)
	var files []openFile
	for range loadTasks + 10 {
		file := create(t, filepath.Join(dir, "f"))
		files = append(files, file)
		if err := r.begin(file, writing("data", 0)); err != nil {
			t.Fatal(err)
		}
	}
	r.close()
	for _, file := range files {
		if isOpen(file) {
			t.Fatalf("descriptor %d is open", file.fd)
		}
	}
}

func TestRearGoesOnAfterARecall(t *testing.T) {
	r, dir := newRear(t)
	for range 2 * loads {
		if err := r.begin(create(t, filepath.Join(dir, "f")), writing("data", 0)); err != nil {
			t.Fatal(err)
		}
		file, err := r.recall()
		if err != nil || !file.open || r.busy {
			t.Fatalf("have %v, %v", file, err)
		}
		release(&file)
	}
	if file, err := r.recall(); err != nil || file.open {
		t.Errorf("of nothing: %v, %v", file, err)
	}
}
