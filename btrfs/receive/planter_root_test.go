//go:build root

package receive_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

// planter makes files below one directory and fails its test when it cannot.
type planter struct {
	t   *testing.T
	dir string
}

func (p planter) at(name string) string { return filepath.Join(p.dir, name) }

func (p planter) mkdir(name string) {
	p.t.Helper()
	must(p.t, os.MkdirAll(p.at(name), 0o755))
}

func (p planter) write(name string, data []byte) {
	p.t.Helper()
	must(p.t, os.WriteFile(p.at(name), data, 0o644))
}

func (p planter) link(from, to string) {
	p.t.Helper()
	must(p.t, os.Link(p.at(from), p.at(to)))
}

func (p planter) rename(from, to string) {
	p.t.Helper()
	must(p.t, os.Rename(p.at(from), p.at(to)))
}

// edit opens or makes a file and brings what was done to it to disk, so that the
// next step cuts its extents.
func (p planter) edit(name string, steps ...func(f *os.File) error) {
	p.t.Helper()
	f, err := os.OpenFile(p.at(name), os.O_RDWR|os.O_CREATE, 0o644)
	must(p.t, err)
	defer func() { must(p.t, f.Close()) }()
	for _, step := range steps {
		must(p.t, errors.Join(step(f), f.Sync()))
	}
}

func put(data []byte, at int64) func(*os.File) error {
	return func(f *os.File) error {
		_, err := f.WriteAt(data, at)
		return err
	}
}

func truncate(size int64) func(*os.File) error {
	return func(f *os.File) error { return f.Truncate(size) }
}

func allocate(mode uint32, at, length int64) func(*os.File) error {
	return func(f *os.File) error { return unix.Fallocate(int(f.Fd()), mode, at, length) }
}

const keepSize = unix.FALLOC_FL_KEEP_SIZE

// text compresses, noise does not. Each seed makes other bytes.
func text(seed, size int) []byte {
	line := fmt.Sprintf("line %d of some text. ", seed)
	return bytes.Repeat([]byte(line), size/len(line)+1)[:size]
}

func noise(seed, size int) []byte {
	b, state := make([]byte, size), uint64(seed)*2+1
	for i := range b {
		state = state*6364136223846793005 + 1442695040888963407
		b[i] = byte(state >> 56)
	}
	return b
}

// clone makes blocks of one file those of another.
func (p planter) clone(from string, at int64, to string, toAt, length int64) {
	p.t.Helper()
	source, err := os.Open(p.at(from))
	must(p.t, err)
	f, err := os.OpenFile(p.at(to), os.O_RDWR|os.O_CREATE, 0o644)
	must(p.t, err)
	must(p.t, btrfs.CloneRange(f, toAt, source, at, length))
	must(p.t, errors.Join(source.Close(), f.Close()))
}
