package btrfstest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

const blockSize = 4096

// bytes makes 1 to most bytes, half of the time of a kind that compresses.
func (m *mutator) bytes(most int) []byte {
	b := make([]byte, 1+m.rng.IntN(most))
	if m.rng.IntN(2) == 0 {
		_, _ = m.source.Read(b) // always fills b, never fails
		return b
	}
	pattern := fmt.Sprintf("pattern %d ", m.rng.Int64())
	for i := range b {
		b[i] = pattern[i%len(pattern)]
	}
	return b
}

// create makes a file with content: mostly of a few kilobytes, some of hundreds,
// some empty.
func (m *mutator) create() error {
	path := m.newPath()
	var data []byte
	switch m.rng.IntN(10) {
	case 0:
	case 1:
		data = m.bytes(600_000)
	default:
		data = m.bytes(6_000)
	}
	if err := os.WriteFile(m.full(path), data, fs.FileMode(m.rng.IntN(0o1000))); err != nil {
		return err
	}
	m.add(path, 0)
	return nil
}

// edit opens a drawn regular file and hands it to change with its size.
func (m *mutator) edit(change func(f *os.File, size int64) error) error {
	n, err := m.pick(node.isRegular)
	if err != nil {
		return err
	}
	return editFile(m.full(n.path), os.O_RDWR, change)
}

func editFile(path string, flags int, change func(f *os.File, size int64) error) error {
	f, err := os.OpenFile(path, flags|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		err = change(f, info.Size())
	}
	return errors.Join(err, f.Close())
}

func (m *mutator) overwrite() error {
	return m.edit(func(f *os.File, size int64) error {
		_, err := f.WriteAt(m.bytes(40_000), m.rng.Int64N(size+1))
		return err
	})
}

func (m *mutator) appendData() error {
	return m.edit(func(f *os.File, size int64) error {
		_, err := f.WriteAt(m.bytes(20_000), size)
		return err
	})
}

// sparse writes far behind the end, which leaves a hole before it.
func (m *mutator) sparse() error {
	return m.edit(func(f *os.File, size int64) error {
		_, err := f.WriteAt(m.bytes(5_000), size+1+m.rng.Int64N(1<<20))
		return err
	})
}

// truncate shortens a file, or lengthens it by a hole.
func (m *mutator) truncate() error {
	return m.edit(func(f *os.File, size int64) error {
		return f.Truncate(m.rng.Int64N(2*size + 2))
	})
}

func (m *mutator) punchHole() error {
	return m.fallocate(unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE)
}

func (m *mutator) zeroRange() error { return m.fallocate(unix.FALLOC_FL_ZERO_RANGE) }

// preallocate reserves a range within the size of the file or, half of the time,
// also behind it.
func (m *mutator) preallocate() error {
	if m.rng.IntN(2) == 0 {
		return m.fallocate(unix.FALLOC_FL_KEEP_SIZE)
	}
	return m.fallocate(0)
}

// fallocate works on whole blocks half of the time, on any bytes otherwise.
func (m *mutator) fallocate(mode uint32) error {
	return m.edit(func(f *os.File, size int64) error {
		offset, length := m.rng.Int64N(size+1), 1+m.rng.Int64N(160_000)
		if m.rng.IntN(2) == 0 {
			offset, length = offset/blockSize*blockSize, (1+length/blockSize)*blockSize
		}
		return unix.Fallocate(int(f.Fd()), mode, offset, length)
	})
}

// cloneRange shares some blocks of one file with another, or with itself.
func (m *mutator) cloneRange() error {
	source, err := m.pick(node.isRegular)
	if err != nil {
		return err
	}
	return m.edit(func(to *os.File, _ int64) error {
		return editFile(m.full(source.path), os.O_RDONLY, func(from *os.File, size int64) error {
			return m.cloneBlocks(to, from, size)
		})
	})
}

func (m *mutator) cloneWithin() error {
	return m.edit(func(f *os.File, size int64) error { return m.cloneBlocks(f, f, size) })
}

func (m *mutator) cloneBlocks(to, from *os.File, size int64) error {
	blocks := size / blockSize
	if blocks == 0 {
		return errNothing
	}
	first := m.rng.Int64N(blocks)
	return unix.IoctlFileCloneRange(int(to.Fd()), &unix.FileCloneRange{
		Src_fd:      int64(from.Fd()),
		Src_offset:  uint64(first) * blockSize,
		Src_length:  uint64(1+m.rng.Int64N(blocks-first)) * blockSize,
		Dest_offset: uint64(m.rng.Int64N(100)) * blockSize,
	})
}

// cloneFile makes a new file that shares all of another, like cp --reflink.
func (m *mutator) cloneFile() error {
	source, err := m.pick(node.isRegular)
	if err != nil {
		return err
	}
	path := m.newPath()
	err = editFile(m.full(path), os.O_RDWR|os.O_CREATE|os.O_EXCL, func(to *os.File, _ int64) error {
		return editFile(m.full(source.path), os.O_RDONLY, func(from *os.File, _ int64) error {
			return unix.IoctlFileClone(int(to.Fd()), int(from.Fd()))
		})
	})
	if err != nil {
		return errors.Join(err, os.Remove(m.full(path)))
	}
	m.add(path, 0)
	return nil
}
