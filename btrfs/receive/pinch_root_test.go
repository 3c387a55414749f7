//go:build root

package receive_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

// pinching changes a few files at random, all around the size up to which btrfs
// keeps a compressed file in its metadata, and often writes it out between two
// changes: what a file was then decides on the shape of its extents.
type pinching struct {
	t     *testing.T
	dir   string
	rng   *rand.Rand
	grows bool // files grow by fallocate, also within a block
}

func (p *pinching) path() string { return filepath.Join(p.dir, fmt.Sprint(p.rng.IntN(24))) }

// length is mostly of a part of a block, else of whole blocks or of some and a
// part.
func (p *pinching) length() int64 {
	switch p.rng.IntN(6) {
	case 0:
		return 4096 * p.rng.Int64N(5)
	case 1:
		return p.rng.Int64N(20_000)
	case 2:
		return p.rng.Int64N(400_000)
	}
	return p.rng.Int64N(4097)
}

func (p *pinching) text() []byte {
	line, size := fmt.Sprintf("line %d of ", p.rng.IntN(1000)), int(1+p.length())
	return []byte(strings.Repeat(line, size/len(line)+1)[:size])
}

// change takes some steps with one file. Those it cannot take are no matter.
func (p *pinching) change() {
	p.t.Helper()
	f, err := os.OpenFile(p.path(), os.O_RDWR|os.O_CREATE, 0o644)
	must(p.t, err)
	for range 1 + p.rng.IntN(4) {
		if err := p.step(f); !errors.Is(err, unix.EINVAL) && !errors.Is(err, fs.ErrNotExist) {
			must(p.t, err)
		}
		if p.rng.IntN(2) == 0 {
			must(p.t, f.Sync())
		}
	}
	must(p.t, f.Close())
	if p.rng.IntN(8) == 0 {
		must(p.t, os.Rename(f.Name(), p.path()))
	}
}

func (p *pinching) step(f *os.File) error {
	info, err := f.Stat()
	must(p.t, err)
	size := info.Size()
	switch p.rng.IntN(10) {
	case 0, 1:
		_, err = f.WriteAt(p.text(), 0)
		return errors.Join(err, f.Truncate(min(size, p.length())))
	case 2:
		_, err = f.WriteAt(p.text(), p.rng.Int64N(size+1))
		return err
	case 3:
		return f.Truncate(p.length())
	case 4, 5:
		return p.share(f)
	case 6, 7, 8:
		return p.allocate(f, size)
	}
	return p.renew(f)
}

// renew makes f a small file whose content is written out.
func (p *pinching) renew(f *os.File) error {
	err := f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt(p.text(), 0)
	}
	return errors.Join(err, f.Sync())
}

// allocate reserves a range or makes it a hole or zeros.
func (p *pinching) allocate(f *os.File, size int64) error {
	const keep = unix.FALLOC_FL_KEEP_SIZE
	modes := []uint32{keep, keep | unix.FALLOC_FL_PUNCH_HOLE, keep | unix.FALLOC_FL_ZERO_RANGE}
	if p.grows {
		if size < 4096 && p.rng.IntN(2) == 0 {
			return unix.Fallocate(int(f.Fd()), 0, size, 1+p.rng.Int64N(4096-size))
		}
		modes = append(modes, 0, 0, unix.FALLOC_FL_ZERO_RANGE)
	}
	return unix.Fallocate(int(f.Fd()), modes[p.rng.IntN(len(modes))], p.rng.Int64N(size+1), 1+p.length())
}

// share takes all of another file, or some of its blocks.
func (p *pinching) share(to *os.File) error {
	from, err := os.Open(p.path())
	if err != nil {
		return err
	}
	defer func() { must(p.t, from.Close()) }()
	if p.rng.IntN(2) == 0 {
		return btrfs.CloneRange(to, 0, from, 0, 0)
	}
	block := func() int64 { return 4096 * p.rng.Int64N(4) }
	return btrfs.CloneRange(to, block(), from, block(), block())
}
