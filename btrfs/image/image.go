// Package image makes files with an empty btrfs in them and mounts them by a
// loop device, without mkfs.btrfs. Demonstrations and tests use it; it needs
// root.
package image

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"btrmesh/btrfs"
)

// template is an empty file system of 109 MiB, the least mkfs.btrfs makes, with the default features of
// btrfs-progs 6.2 (mkfs.btrfs; mounted once, so that its UUID tree is there).
//
//go:embed empty.btrfs.zst
var template []byte

// MinSize is the least size of an image in bytes: the kernel resizes to no less.
const MinSize = 256 << 20

// Create writes a new image of size bytes to path, which must not exist yet.
// The file is sparse. The file system in it has a UUID of its own, so any
// number of images can be mounted at once, and grows to size when [Mount] first
// mounts it. The label has at most 255 bytes. Create needs no privilege and
// leaves nothing behind when it fails.
func Create(path string, size int64, label string) error {
	if size < MinSize {
		return fmt.Errorf("create image %s: %d bytes are too few, the least is %d", path, size, MinSize)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("create image: %w", err)
	}
	err = errors.Join(write(f, size, label), f.Close())
	if err != nil {
		return fmt.Errorf("create image %s: %w", path, errors.Join(err, os.Remove(path)))
	}
	return nil
}

func write(f *os.File, size int64, label string) error {
	if err := expand(f); err != nil {
		return err
	}
	if err := f.Truncate(size); err != nil {
		return err
	}
	return rebrand(f, newUUID(), label)
}

// expand writes the template, without its zeros.
func expand(f *os.File) error {
	in, err := zstd.NewReader(bytes.NewReader(template), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer in.Close()
	var zero, block [64 << 10]byte
	for at := int64(0); ; {
		n, err := io.ReadFull(in, block[:])
		if n > 0 && !bytes.Equal(block[:n], zero[:n]) {
			if _, err := f.WriteAt(block[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("expand template: %w", err)
		}
	}
}

// newUUID returns a random UUID, version 4 of RFC 9562.
func newUUID() btrfs.UUID {
	var u btrfs.UUID
	rand.Read(u[:]) // never fails
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u
}
