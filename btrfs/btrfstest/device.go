package btrfstest

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

func (m *mutator) characterDevice() error {
	return m.mknod(unix.S_IFCHR, fs.ModeDevice|fs.ModeCharDevice, m.device())
}

func (m *mutator) blockDevice() error {
	return m.mknod(unix.S_IFBLK, fs.ModeDevice, m.device())
}

func (m *mutator) fifo() error { return m.mknod(unix.S_IFIFO, fs.ModeNamedPipe, 0) }

func (m *mutator) socket() error { return m.mknod(unix.S_IFSOCK, fs.ModeSocket, 0) }

// device draws from all of the kernel's device numbers: 12 bits major, 20 minor.
func (m *mutator) device() uint64 {
	return unix.Mkdev(m.rng.Uint32N(1<<12), m.rng.Uint32N(1<<20))
}

func (m *mutator) mknod(format uint32, kind fs.FileMode, device uint64) error {
	path := m.newPath()
	if err := unix.Mknod(m.full(path), format|m.rng.Uint32N(0o1000), int(device)); err != nil {
		return pathError("mknod", path, err)
	}
	m.add(path, kind)
	return nil
}
