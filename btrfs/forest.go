package btrfs

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// place is a directory, named by its subvolume and its path in there, "" for
// the top.
type place struct {
	tree uint64
	path string
}

// tree is a subvolume as the tree of tree roots has it.
type tree struct {
	Subvolume
	linked bool   // it has a directory entry; false once deleted, and for the top level
	dir    uint64 // inode of the directory with that entry, in ParentID
	name   string
}

// forest is all subvolumes of a file system by id, read at about one time.
type forest map[uint64]*tree

// readForest reads the root items and back references of all subvolumes.
func readForest(ctx context.Context, fs *os.File) (forest, error) {
	f := forest{}
	last := key{lastFreeID, typeRootBackref, ^uint64(0)}
	for it, err := range search(fs, treeRoots, key{id: treeTop, kind: typeRootItem}, last) {
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		f.add(it)
	}
	return f, nil
}

// readAncestry reads one subvolume and those it lies in.
func readAncestry(fs *os.File, id uint64) (forest, error) {
	f := forest{}
	for id != 0 && f[id] == nil {
		for it, err := range search(fs, treeRoots, key{id, typeRootItem, 0}, key{id, typeRootBackref, ^uint64(0)}) {
			if err != nil {
				return nil, err
			}
			f.add(it)
		}
		id = f.at(id).ParentID
	}
	return f, nil
}

// add takes in what it knows of an item and ignores the rest.
func (f forest) add(it item) {
	if it.id != treeTop && (it.id < rootInode || it.id > lastFreeID) {
		return
	}
	switch it.kind {
	case typeRootItem:
		f.at(it.id).readRootItem(it.data)
	case typeRootBackref:
		f.at(it.id).readRootRef(it.offset, it.data)
	}
}

func (f forest) at(id uint64) *tree {
	t := f[id]
	if t == nil {
		t = &tree{Subvolume: Subvolume{ID: id}}
		f[id] = t
	}
	return t
}

// readRootItem reads struct btrfs_root_item, little-endian and packed. Items
// written by kernels before 3.6 end at the level, or carry stale fields after
// it: then the two generations differ.
func (t *tree) readRootItem(b []byte) {
	const oldSize, size = 239, 439
	if len(b) < oldSize {
		return
	}
	le := binary.LittleEndian
	t.Generation = le.Uint64(b[160:])
	t.ReadOnly = le.Uint64(b[208:])&rootReadOnly != 0
	if len(b) < size || le.Uint64(b[239:]) != t.Generation {
		return
	}
	t.UUID, t.ParentUUID, t.ReceivedUUID = UUID(b[247:263]), UUID(b[263:279]), UUID(b[279:295])
	t.CTransID, t.OTransID = le.Uint64(b[295:]), le.Uint64(b[303:])
	t.STransID, t.RTransID = le.Uint64(b[311:]), le.Uint64(b[319:])
	for i, field := range []*time.Time{&t.CTime, &t.OTime, &t.STime, &t.RTime} {
		at := b[327+12*i:]
		*field = timespec{sec: le.Uint64(at), nsec: le.Uint32(at[8:])}.time()
	}
}

// readRootRef reads struct btrfs_root_ref: directory, sequence, length, name.
func (t *tree) readRootRef(parent uint64, b []byte) {
	if len(b) < 18 {
		return
	}
	n := int(binary.LittleEndian.Uint16(b[16:]))
	if len(b) < 18+n || checkName(string(b[18:18+n])) != nil {
		return
	}
	t.ParentID, t.linked = parent, true
	t.dir, t.name = binary.LittleEndian.Uint64(b), string(b[18:18+n])
}

// dirPath finds the path of a directory in its subvolume, "" for the top.
type dirPath func(inode) (string, error)

// inode is an inode number in a subvolume.
type inode struct{ tree, number uint64 }

// below returns the path from base of each subvolume under it, by id. base
// itself is not among them, nor is one that vanished meanwhile.
func (f forest) below(base place, find dirPath) (map[uint64]string, error) {
	find = remembered(find)
	paths := make(map[uint64]string)
	for id := range f {
		p, ok, err := f.pathBelow(base, id, find)
		if err != nil {
			return nil, err
		}
		if ok {
			paths[id] = p
		}
	}
	return paths, nil
}

// pathBelow climbs from a subvolume to the one of base. The number of steps is
// bounded in case the file system lies.
func (f forest) pathBelow(base place, id uint64, find dirPath) (string, bool, error) {
	var full string
	for range len(f) {
		t := f[id]
		if t == nil || !t.linked {
			return "", false, nil
		}
		dir, err := find(inode{t.ParentID, t.dir})
		if errors.Is(err, unix.ENOENT) {
			return "", false, nil
		}
		if err != nil {
			return "", false, err
		}
		full = path.Join(dir, t.name, full)
		if t.ParentID == base.tree {
			rel, ok := cutDir(full, base.path)
			return rel, ok, nil
		}
		id = t.ParentID
	}
	return "", false, nil
}

// cutDir removes dir from the front of p, if p is below it.
func cutDir(p, dir string) (string, bool) {
	if dir == "" {
		return p, true
	}
	return strings.CutPrefix(p, dir+"/")
}

func remembered(find dirPath) dirPath {
	type answer struct {
		path string
		err  error
	}
	known := make(map[inode]answer)
	return func(i inode) (string, error) {
		a, ok := known[i]
		if !ok {
			a.path, a.err = find(i)
			known[i] = a
		}
		return a.path, a.err
	}
}

// lookupArgs is struct btrfs_ioctl_ino_lookup_args.
type lookupArgs struct {
	tree, inode uint64
	name        [4080]byte
}

var _ = [1]struct{}{}[unsafe.Sizeof(lookupArgs{})-4096]

// lookupDir asks the kernel for the path of a directory. Tree 0 is the one fs
// is in; place says which that was.
func lookupDir(fs *os.File, i inode) (place, error) {
	args := lookupArgs{tree: i.tree, inode: i.number}
	if err := ioctl(fs, iocInoLookup, unsafe.Pointer(&args)); err != nil {
		return place{}, failIoctl("look up directory", fs.Name(), err)
	}
	return place{args.tree, strings.TrimSuffix(unix.ByteSliceToString(args.name[:]), "/")}, nil
}

// findDir is the dirPath of a real file system.
func findDir(fs *os.File) dirPath {
	return func(i inode) (string, error) {
		if i.number == rootInode {
			return "", nil
		}
		at, err := lookupDir(fs, i)
		return at.path, err
	}
}

// placeOf says where dir is now.
func placeOf(dir *os.File) (place, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return place{}, fail("inspect", dir.Name(), err)
	}
	runtime.KeepAlive(dir)
	return lookupDir(dir, inode{0, st.Ino})
}
