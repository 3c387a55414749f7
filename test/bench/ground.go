package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"btrmesh/btrfs"
	"btrmesh/btrfs/image"
)

// imageSize is that of every image in bytes; they are sparse.
const imageSize = 16 << 30

// roomNeeded is what a data set of full scale takes up in bytes: as a source, as
// a stream and as a target.
const roomNeeded = 8 << 30

// ground is the directory all images are in.
type ground struct {
	dir    string
	serial int // of the last image
}

// newGround makes it in base or, if that is "", on the fastest place with room.
func newGround(base string, scale float64) (*ground, error) {
	if base == "" {
		base = fastest(int64(roomNeeded*scale) + 1<<30)
	}
	dir, err := os.MkdirTemp(base, "btrmesh-bench-")
	if err != nil {
		return nil, err
	}
	return &ground{dir: dir}, nil
}

// fastest prefers memory to disk.
func fastest(room int64) string {
	const memory = "/dev/shm"
	var st syscall.Statfs_t
	if err := syscall.Statfs(memory, &st); err == nil && int64(st.Bavail)*st.Bsize >= room {
		return memory
	}
	return os.TempDir()
}

// close removes all that is left.
func (g *ground) close() error { return os.RemoveAll(g.dir) }

// field is a mounted image.
type field struct {
	file string // of the image
	mnt  *image.Mounted
	pool *btrfs.Pool
	root *os.File // its top directory
}

// newField makes and mounts an empty image.
func (g *ground) newField(options string) (*field, error) {
	g.serial++
	mount := filepath.Join(g.dir, fmt.Sprintf("field%d", g.serial))
	f := &field{file: mount + ".btrfs"}
	if err := os.Mkdir(mount, 0o700); err != nil {
		return nil, err
	}
	if err := image.Create(f.file, imageSize, "bench"); err != nil {
		return nil, err
	}
	if err := f.open(mount, options); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *field) open(mount, options string) error {
	var err error
	if f.mnt, err = image.Mount(f.file, mount, options); err != nil {
		return err
	}
	if f.pool, err = btrfs.OpenPool(mount); err != nil {
		return err
	}
	f.root, err = os.Open(mount)
	return err
}

// close unmounts and removes the image.
func (f *field) close() error {
	var errs []error
	if f.root != nil {
		errs = append(errs, f.root.Close())
	}
	if f.pool != nil {
		errs = append(errs, f.pool.Close())
	}
	if f.mnt != nil {
		errs = append(errs, f.mnt.Close(), os.Remove(f.mnt.Path()))
	}
	return errors.Join(append(errs, os.Remove(f.file))...)
}
