package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// demoDigest is one number for all that a tree holds. Equal sums mean equal
// trees.
type demoDigest struct {
	sum  [sha256.Size]byte
	size demoSize
}

// String returns the first 16 digits of the sum.
func (d demoDigest) String() string { return hex.EncodeToString(d.sum[:8]) }

// digestTree reads the whole tree below dir. For each path, dir itself as ".",
// the sum covers type, mode, owner, mtime, content, symlink text or device
// number, which paths are one file, and all extended attributes. It shares no
// code with what replicates. Nothing may write to the tree meanwhile.
func digestTree(ctx context.Context, dir string) (demoDigest, error) {
	d := digester{ctx: ctx, dir: dir, all: sha256.New(), names: map[inode]string{}}
	if err := (demoTree{dir: dir}).walk(ctx, d.add); err != nil {
		return demoDigest{}, fmt.Errorf("digest %s: %w", dir, err)
	}
	digest := demoDigest{size: d.size}
	d.all.Sum(digest.sum[:0])
	return digest, nil
}

// digester sums up one tree.
type digester struct {
	ctx   context.Context //nolint:containedctx // it lives for one digest
	dir   string
	all   hash.Hash
	names map[inode]string // first path of each file with several names
	size  demoSize
}

// add takes in one path. Every part is quoted or a number, so that no two trees
// give the same line.
func (d *digester) add(rel string, st *unix.Stat_t) error {
	path := filepath.Join(d.dir, rel)
	content, err := d.content(path, rel, st)
	if err != nil {
		return err
	}
	values, err := extendedAttributes(path)
	if err != nil {
		return err
	}
	d.size.add(st)
	line := fmt.Appendf(nil, "%q %o %d:%d %d.%09d %s", rel, st.Mode, st.Uid, st.Gid, st.Mtim.Sec, st.Mtim.Nsec, content)
	for _, v := range values {
		line = fmt.Appendf(line, " %q=%x", v.name, v.value)
	}
	d.all.Write(append(line, '\n'))
	return nil
}

func (d *digester) content(path, rel string, st *unix.Stat_t) (string, error) {
	if first, again := d.names[inodeOf(st)]; again {
		return fmt.Sprintf("same as %q", first), nil
	}
	if st.Nlink > 1 && !isDir(st) {
		d.names[inodeOf(st)] = rel
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return d.data(path)
	case unix.S_IFLNK:
		text, err := os.Readlink(path)
		return fmt.Sprintf("to %q", text), err
	case unix.S_IFCHR, unix.S_IFBLK:
		return fmt.Sprintf("device %d", st.Rdev), nil
	default:
		return "", nil
	}
}

func (d *digester) data(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // opened for reading
	h := sha256.New()
	n, err := io.Copy(h, untilDone{d.ctx, f})
	return fmt.Sprintf("%d bytes %x", n, h.Sum(nil)), err
}
