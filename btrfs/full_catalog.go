package btrfs

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
)

// treeCatalog is the catalog of a real tree. It is not safe for concurrent use.
type treeCatalog struct {
	fs   *os.File
	tree uint64
	args searchArgs
}

var errNoName = errors.New("it has no name")

func (c *treeCatalog) entry(ino uint64) (entry, error) {
	var e entry
	for it, err := range c.items(key{ino, typeInodeItem, 0}, key{ino, typeInodeExtref, math.MaxUint64}) {
		if err != nil {
			return entry{}, err
		}
		if it.kind == typeInodeItem {
			if e.inodeItem, err = inodeItemOf(it.data); err != nil {
				return entry{}, fmt.Errorf("inode %d: %w", ino, err)
			}
			continue
		}
		err = eachRef(it, func(dir uint64, name []byte) error {
			if e.name == "" {
				e.dir, e.name = dir, string(name)
			}
			return nil
		})
		if err != nil || e.name != "" {
			return e, err
		}
	}
	return entry{}, fmt.Errorf("inode %d: %w", ino, errNoName)
}

func (c *treeCatalog) target(ino uint64) ([]byte, error) {
	at := key{ino, typeExtentData, 0}
	for it, err := range c.items(at, at) {
		if err != nil {
			return nil, err
		}
		if e, ok := fileExtentOf(it); ok && e.kind == extentInline && !e.compressed {
			return bytes.Clone(it.data[inlineHeader:]), nil
		}
	}
	return nil, errors.New("the symlink has no target")
}

func (c *treeCatalog) xattrs(ino uint64, yield func(name, value []byte) error) error {
	for it, err := range c.items(key{ino, typeXattr, 0}, key{ino, typeXattr, math.MaxUint64}) {
		if err != nil {
			return err
		}
		if err := eachXattr(it, yield); err != nil {
			return err
		}
	}
	return nil
}

// items is search of few items, in the memory of the catalog. A second search may
// not begin before the first one ends.
func (c *treeCatalog) items(first, last key) iter.Seq2[item, error] {
	return searchIn(&c.args, c.fs, c.tree, 0, first, last)
}
