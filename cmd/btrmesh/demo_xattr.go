package main

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// extendedAttribute is one attribute of a file, ACLs and capabilities included.
type extendedAttribute struct {
	name  string
	value []byte
}

// extendedAttributes returns those of path itself by name; none on a file
// system without. Only root sees trusted ones.
func extendedAttributes(path string) ([]extendedAttribute, error) {
	var list []extendedAttribute
	names, err := sized(func(buf []byte) (int, error) { return unix.Llistxattr(path, buf) })
	if err != nil {
		return nil, pathError("list attributes", path, err)
	}
	for name := range bytes.SplitSeq(bytes.TrimSuffix(names, []byte{0}), []byte{0}) {
		if len(name) == 0 {
			continue
		}
		value, err := sized(func(buf []byte) (int, error) { return unix.Lgetxattr(path, string(name), buf) })
		if err != nil {
			return nil, pathError("read attribute "+string(name), path, err)
		}
		list = append(list, extendedAttribute{string(name), value})
	}
	slices.SortFunc(list, func(a, b extendedAttribute) int { return strings.Compare(a.name, b.name) })
	return list, nil
}

// sized calls read for the size, which the kernel bounds to 64 KiB, and again
// with room for it.
func sized(read func([]byte) (int, error)) ([]byte, error) {
	n, err := read(nil)
	if errors.Is(err, unix.EOPNOTSUPP) || (err == nil && n == 0) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	buf := make([]byte, n)
	n, err = read(buf)
	return buf[:max(n, 0)], err
}
