package btrfstest

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Reflinks tells which blocks of the files of one subvolume lie on one place of
// the disk. The zero value knows no files. It is immutable and safe for
// concurrent use.
type Reflinks struct {
	places map[fileBlock]place
	inline map[string]struct{} // files of which the first block lies in the tree itself
}

func newReflinks() Reflinks {
	return Reflinks{places: map[fileBlock]place{}, inline: map[string]struct{}{}}
}

// fileBlock is a block of a file: the n-th 4096 bytes of its first path.
type fileBlock struct {
	path  string
	index uint64
}

// place is where a block lies: that many bytes into what an extent holds, before
// compression, and the extent by its first byte on disk.
type place struct{ extent, offset uint64 }

// ReadReflinks reads where all data of the regular files of the subvolume dir
// lies, compressed data too, of which FIEMAP does not tell which part a file
// refers to. Holes and preallocated extents, and what lies behind the end of a file
// are left out, and so is what is dirty: sync first. It needs root.
func ReadReflinks(dir string) (Reflinks, error) {
	files, err := firstPaths(dir)
	if err != nil {
		return Reflinks{}, fmt.Errorf("read reflinks: %w", err)
	}
	root, err := os.Open(dir)
	if err != nil {
		return Reflinks{}, fmt.Errorf("read reflinks: %w", err)
	}
	defer root.Close() //nolint:errcheck // opened for reading
	r := newReflinks()
	for item, err := range fileExtents(root) {
		if err != nil {
			return Reflinks{}, fmt.Errorf("read reflinks %s: %w", dir, err)
		}
		if file, found := files[item.inode]; found {
			r.add(file, item)
		}
	}
	return r, nil
}

// sizedFile is a regular file by its first path, with its size in bytes.
type sizedFile struct {
	path string
	size uint64
}

// firstPaths finds the regular files below dir by inode number.
func firstPaths(dir string) (map[uint64]sizedFile, error) {
	files := map[uint64]sizedFile{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return pathError("lstat", path, err)
		}
		if _, found := files[st.Ino]; !found {
			files[st.Ino] = sizedFile{strings.TrimPrefix(path, dir), uint64(st.Size)}
		}
		return nil
	})
	return files, err
}

func (r Reflinks) add(f sizedFile, e fileExtent) {
	if e.inline {
		r.inline[f.path] = struct{}{}
	}
	for at := uint64(0); at < e.length && e.logical+at < f.size; at += blockSize {
		r.places[fileBlock{f.path, (e.logical + at) / blockSize}] = place{e.disk, e.offset + at}
	}
}

// shared are the blocks that lie on one place with others, by place.
func (r Reflinks) shared() map[place][]fileBlock {
	at := map[place][]fileBlock{}
	for block, place := range r.places {
		at[place] = append(at[place], block)
	}
	for place, blocks := range at {
		if len(blocks) < 2 {
			delete(at, place)
		}
	}
	return at
}

// Shared is how many bytes of files need no room, as others lie on the same place.
func (r Reflinks) Shared() int64 {
	var n int64
	for _, blocks := range r.shared() {
		n += int64(len(blocks)-1) * blockSize
	}
	return n
}

// Unshare says what is shared in r and not in o, the same files elsewhere: a line
// for each file in sorted order, up to 20, and the rest counted. It is empty when
// all that is shared in r is so in o.
func (r Reflinks) Unshare(o Reflinks) string {
	lost := map[string]int{} // blocks by file
	for _, blocks := range r.shared() {
		o.countApart(blocks, lost)
	}
	return lostText(lost)
}

func lostText(lost map[string]int) string {
	var lines []string
	for path, n := range lost {
		lines = append(lines, fmt.Sprintf("%q: %d blocks\n", path, n))
	}
	slices.Sort(lines)
	if more := len(lines) - diffLines; more > 0 {
		lines = append(lines[:diffLines], fmt.Sprintf("(%d more)\n", more))
	}
	return strings.Join(lines, "")
}

// countApart counts, by file, those of blocks that lie elsewhere than the first.
func (r Reflinks) countApart(blocks []fileBlock, lost map[string]int) {
	slices.SortFunc(blocks, fileBlock.compare)
	for _, b := range blocks[1:] {
		if at, found := r.places[b]; !found || at != r.places[blocks[0]] {
			lost[b.path]++
		}
	}
}

func (b fileBlock) compare(o fileBlock) int {
	return cmp.Or(cmp.Compare(b.path, o.path), cmp.Compare(b.index, o.index))
}
