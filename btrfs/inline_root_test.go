//go:build root

package btrfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
)

// small makes a file of a few compressible bytes that are written out.
func small(t *testing.T, path string, size int) *os.File {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	_, err = f.WriteString(strings.Repeat("so little ", size)[:size])
	must(t, errors.Join(err, f.Sync()))
	return f
}

func TestCompressedSendKeepsToPlainDataWhereTailsWouldBeCut(t *testing.T) {
	p := newPool(t, "compress-force=zstd")
	for name, c := range map[string]struct {
		size   int
		change func(f *os.File) error
		plain  bool
	}{
		"as written":                 {413, func(*os.File) error { return nil }, false},
		"grown by a byte":            {413, grow(414), true},
		"grown to the block":         {413, grow(4096), true},
		"grown by blocks":            {413, grow(50_000), true},
		"reserved behind its end":    {413, func(f *os.File) error { return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, 50_000) }, false},
		"lengthened by a hole":       {413, func(f *os.File) error { return f.Truncate(3000) }, false},
		"appended to":                {413, func(f *os.File) error { _, err := f.WriteString("more"); return err }, false},
		"a whole block, appended to": {4096, func(f *os.File) error { _, err := f.WriteString("more"); return err }, false},
		"a whole block, grown":       {4096, grow(9000), false},
	} {
		t.Run(name, func(t *testing.T) {
			share := newShare(t, p, name)
			dir := filepath.Join(p.Path(), name)
			must(t, small(t, filepath.Join(dir, "other"), 600).Close())
			first := snapshot(t, p, share, "task")
			f := small(t, filepath.Join(dir, "file"), c.size)
			must(t, errors.Join(c.change(f), f.Close()))
			second := snapshot(t, p, share, "task")
			must(t, small(t, filepath.Join(dir, "new"), 700).Close())
			third := snapshot(t, p, share, "task")
			wantPlain(t, p, second, btrfs.Snapshot{}, false)
			wantPlain(t, p, second, first, c.plain)
			wantPlain(t, p, third, first, c.plain)
		})
	}
}

// grow returns what lengthens a file without writing to it.
func grow(size int64) func(*os.File) error {
	return func(f *os.File) error {
		info, err := f.Stat()
		return errors.Join(err, unix.Fallocate(int(f.Fd()), 0, info.Size(), size-info.Size()))
	}
}

func wantPlain(t *testing.T, p *btrfs.Pool, snap, parent btrfs.Snapshot, want bool) {
	t.Helper()
	_, stats := send(t, p, btrfs.SendRequest{Snapshot: snap.UUID, Parent: parent.UUID, Version: 2, Compressed: true})
	kinds := stats.Kinds
	if plain := kinds[sendstream.CmdEncodedWrite].Commands == 0; plain != want {
		t.Errorf("%d writes and %d encoded ones, want plain ones: %v",
			kinds[sendstream.CmdWrite].Commands, kinds[sendstream.CmdEncodedWrite].Commands, want)
	}
}

// What an increment does not bring is no reason to send it plain, unless it lies
// in one leaf with what it brings.
func TestTailInTheParentIsNoneOfTheIncrement(t *testing.T) {
	p := newPool(t, "compress-force=zstd")
	share := newShare(t, p, "a")
	dir := filepath.Join(p.Path(), "a")
	fill(t, filepath.Join(dir, "before"))
	f := small(t, filepath.Join(dir, "tail"), 413)
	must(t, errors.Join(grow(4096)(f), f.Close()))
	fill(t, filepath.Join(dir, "after"))
	first := snapshot(t, p, share, "task")
	must(t, small(t, filepath.Join(dir, "zz"), 600).Close())
	second := snapshot(t, p, share, "task")
	wantPlain(t, p, second, first, false)
}

// fill makes a directory of several leaves.
func fill(t *testing.T, dir string) {
	t.Helper()
	must(t, os.Mkdir(dir, 0o755))
	for i := range 200 {
		must(t, os.WriteFile(filepath.Join(dir, strings.Repeat("n", 1+i)), []byte(strings.Repeat("filler ", i)), 0o644))
	}
}
