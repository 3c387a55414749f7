package btrfs

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// fakeTree is a tree of a few items, and the catalog of it.
type fakeTree []item

func (f *fakeTree) put(id uint64, kind uint32, offset uint64, data []byte) {
	*f = append(*f, item{key: key{id, kind, offset}, data: data})
}

// inode puts an inode and its names, each "directory/name".
func (f *fakeTree) inode(ino uint64, mode uint32, size uint64, names ...string) {
	b := make([]byte, 160)
	binary.LittleEndian.PutUint64(b[16:], size)
	binary.LittleEndian.PutUint32(b[52:], mode)
	f.put(ino, typeInodeItem, 0, b)
	for _, name := range names {
		var dir uint64
		var base string
		if _, err := fmt.Sscanf(strings.Replace(name, "/", " ", 1), "%d %s", &dir, &base); err != nil {
			panic(err)
		}
		ref := binary.LittleEndian.AppendUint16(make([]byte, 8), uint16(len(base)))
		f.put(ino, typeInodeRef, dir, append(ref, base...))
	}
}

func (f *fakeTree) xattr(ino uint64, name, value string) {
	b := make([]byte, 30)
	binary.LittleEndian.PutUint16(b[25:], uint16(len(value)))
	binary.LittleEndian.PutUint16(b[27:], uint16(len(name)))
	f.put(ino, typeXattr, 1, slices.Concat(b, []byte(name+value)))
}

func (f *fakeTree) inline(ino uint64, content string) {
	b := make([]byte, inlineHeader)
	binary.LittleEndian.PutUint64(b[8:], uint64(len(content)))
	f.put(ino, typeExtentData, 0, slices.Concat(b, []byte(content)))
}

// extent puts a part of an extent that begins at disk.
func (f *fakeTree) extent(ino, offset, disk, into, length uint64, coding uint8) {
	b := make([]byte, 53)
	for at, v := range map[int]uint64{8: 128 << 10, 21: disk, 29: 128 << 10, 37: into, 45: length} {
		binary.LittleEndian.PutUint64(b[at:], v)
	}
	if b[16], b[20] = coding, extentRegular; coding != 0 {
		binary.LittleEndian.PutUint64(b[29:], 4096)
	}
	f.put(ino, typeExtentData, offset, b)
}

func (f *fakeTree) of(ino uint64, kinds ...uint32) (list []item) {
	for _, it := range *f {
		for _, k := range kinds {
			if it.id == ino && it.kind == k {
				list = append(list, it)
			}
		}
	}
	return list
}

func (f *fakeTree) entry(ino uint64) (entry, error) {
	var e entry
	items := f.of(ino, typeInodeItem)
	if len(items) == 0 {
		return e, errNoName
	}
	var err error
	if e.inodeItem, err = inodeItemOf(items[0].data); err != nil {
		return e, err
	}
	for _, it := range f.of(ino, typeInodeRef, typeInodeExtref) {
		_ = eachRef(it, func(dir uint64, name []byte) error {
			if e.name == "" {
				e.dir, e.name = dir, string(name)
			}
			return nil
		})
	}
	if e.name == "" {
		return e, errNoName
	}
	return e, nil
}

func (f *fakeTree) target(ino uint64) ([]byte, error) {
	for _, it := range f.of(ino, typeExtentData) {
		if len(it.data) > inlineHeader {
			return it.data[inlineHeader:], nil
		}
	}
	return nil, errNoName
}

func (f *fakeTree) xattrs(ino uint64, yield func(name, value []byte) error) error {
	for _, it := range f.of(ino, typeXattr) {
		if err := eachXattr(it, yield); err != nil {
			return err
		}
	}
	return nil
}

const (
	dirMode  = unix.S_IFDIR | 0o755
	fileMode = unix.S_IFREG | 0o644
)
