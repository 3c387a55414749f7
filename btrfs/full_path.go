package btrfs

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// entry is an inode and its first name.
type entry struct {
	inodeItem
	dir  uint64
	name string
}

// catalog looks up single items of the tree that is sent. A lookup of what is not
// there is an error.
type catalog interface {
	// entry returns an inode and its first name.
	entry(ino uint64) (entry, error)
	// target returns the text of a symlink.
	target(ino uint64) ([]byte, error)
	// xattrs calls yield for each extended attribute.
	xattrs(ino uint64, yield func(name, value []byte) error) error
}

// paths remembers the paths of directories, each with a slash behind it, as long
// as they take no more than pathsMost bytes, and then begins anew.
type paths struct {
	catalog catalog
	known   map[uint64]string
	bytes   int
}

const (
	pathsMost  = 4 << 20
	maxPathLen = 4095 // PATH_MAX of linux/limits.h without its zero byte
)

// of returns the path of a directory with a slash behind it, "" for the top.
func (p *paths) of(dir uint64) (string, error) {
	if dir == rootInode {
		return "", nil
	}
	if path, ok := p.known[dir]; ok {
		return path, nil
	}
	path, err := p.climb(dir)
	if err != nil {
		return "", err
	}
	if p.bytes += len(path); p.bytes > pathsMost || p.known == nil {
		p.known, p.bytes = make(map[uint64]string), len(path)
	}
	p.known[dir] = path
	return path, nil
}

// climb puts the path together upwards. A loop, as only damage makes one, ends
// when the path is too long.
func (p *paths) climb(dir uint64) (string, error) {
	path := ""
	for at := dir; at != rootInode; {
		if above, ok := p.known[at]; ok {
			path = above + path
			break
		}
		e, err := p.catalog.entry(at)
		if err != nil {
			return "", err
		}
		if path, err = e.name+"/"+path, checkName(e.name); err != nil {
			return "", fmt.Errorf("directory %q: %w", path, err)
		}
		if len(path) > maxPathLen {
			return "", fmt.Errorf("directory %q: %w", path, unix.ENAMETOOLONG)
		}
		at = e.dir
	}
	return path, nil
}

// in returns the path of a name in a directory.
func (p *paths) in(dir uint64, name string) (string, error) {
	above, err := p.of(dir)
	if err != nil {
		return "", err
	}
	path := above + name
	if err := checkName(name); err != nil {
		return "", fmt.Errorf("%q: %w", path, err)
	}
	if len(path) > maxPathLen {
		return "", fmt.Errorf("%q: %w", path, unix.ENAMETOOLONG)
	}
	return path, nil
}
