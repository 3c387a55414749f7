package btrfs

import (
	"encoding/binary"
	"errors"
	"iter"
	"math"
	"os"
	"unsafe"
)

// Trees and item types of btrfs_tree.h.
const (
	treeRoots = 1
	treeTop   = 5 // the top-level subvolume
	treeQuota = 8
	treeUUIDs = 9

	typeInodeItem   = 1
	typeInodeRef    = 12
	typeInodeExtref = 13
	typeXattr       = 24
	typeExtentData  = 108
	typeRootItem    = 132
	typeRootBackref = 144
	typeRootRef     = 156
	typeQgroupInfo  = 242
	typeUUID        = 251
	typeReceived    = 252

	lastFreeID = math.MaxUint64 - 255 // BTRFS_LAST_FREE_OBJECTID
)

// key is the sort key of an item in a tree.
type key struct {
	id     uint64
	kind   uint32 // 0..255
	offset uint64
}

func (k key) less(o key) bool {
	if k.id != o.id {
		return k.id < o.id
	}
	if k.kind != o.kind {
		return k.kind < o.kind
	}
	return k.offset < o.offset
}

// next returns the key that follows k, false after the last one there is.
func (k key) next() (key, bool) {
	switch {
	case k.offset < math.MaxUint64:
		return key{k.id, k.kind, k.offset + 1}, true
	case k.kind < math.MaxUint8:
		return key{k.id, k.kind + 1, 0}, true
	case k.id < math.MaxUint64:
		return key{k.id + 1, 0, 0}, true
	}
	return key{}, false
}

// item is one item of a tree. Its data is valid until the next one is asked for.
type item struct {
	key
	transID uint64 // that wrote its leaf
	data    []byte
}

// searchArgs is struct btrfs_ioctl_search_args_v2 with a buffer that holds the
// largest item there can be.
type searchArgs struct {
	tree                   uint64
	minID, maxID           uint64
	minOffset, maxOffset   uint64
	minTransID, maxTransID uint64
	minKind, maxKind       uint32
	items                  uint32
	_                      uint32
	_                      [4]uint64
	bufSize                uint64
	buf                    [searchBuffer]byte
}

const searchBuffer = 64 << 10

var _ = [1]struct{}{}[unsafe.Offsetof(searchArgs{}.buf)-112]

var errShortItem = errors.New("the kernel returned a cut item")

// search yields the items of a tree from first to last, both included. Keys
// compare as a whole, so other kinds than those of first and last come along.
// The items are not one moment's: the tree may change between two of them. It
// ends after an error. A tree that does not exist gives ENOENT.
func search(fs *os.File, tree uint64, first, last key) iter.Seq2[item, error] {
	return searchSince(fs, tree, 0, first, last)
}

// searchSince is search that skips leaves older than the transaction since.
func searchSince(fs *os.File, tree, since uint64, first, last key) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		searchIn(&searchArgs{}, fs, tree, since, first, last)(yield)
	}
}

// searchIn is searchSince in memory that the caller has, for one search at a time.
func searchIn(args *searchArgs, fs *os.File, tree, since uint64, first, last key) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		for from, more := first, true; more && !last.less(from); {
			args.ask(tree, since, from, last)
			if err := ioctl(fs, iocTreeSearchV2, unsafe.Pointer(args)); err != nil {
				yield(item{}, failIoctl("search tree", fs.Name(), err))
				return
			}
			if args.items == 0 {
				return
			}
			end, ok := eachItem(args.buf[:], args.items, yield)
			if !ok {
				return
			}
			from, more = end.next()
		}
	}
}

func (a *searchArgs) ask(tree, since uint64, first, last key) {
	a.tree = tree
	a.minID, a.minKind, a.minOffset = first.id, first.kind, first.offset
	a.maxID, a.maxKind, a.maxOffset = last.id, last.kind, last.offset
	a.minTransID, a.maxTransID = since, math.MaxUint64
	a.items, a.bufSize = math.MaxUint32, searchBuffer
}

// eachItem yields count items of buf and returns the key of the last one. It
// is false once yield was or after an error.
func eachItem(buf []byte, count uint32, yield func(item, error) bool) (key, bool) {
	// struct btrfs_ioctl_search_header: transid, id, offset, kind, length.
	const header = 32
	var it item
	for range count {
		if len(buf) < header {
			yield(item{}, errShortItem)
			return key{}, false
		}
		it.transID = binary.NativeEndian.Uint64(buf)
		it.key = key{
			id:     binary.NativeEndian.Uint64(buf[8:]),
			offset: binary.NativeEndian.Uint64(buf[16:]),
			kind:   binary.NativeEndian.Uint32(buf[24:]),
		}
		size := binary.NativeEndian.Uint32(buf[28:])
		buf = buf[header:]
		if uint64(size) > uint64(len(buf)) {
			yield(item{}, errShortItem)
			return key{}, false
		}
		it.data, buf = buf[:size:size], buf[size:]
		if !yield(it, nil) {
			return key{}, false
		}
	}
	return it.key, true
}
