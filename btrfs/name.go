package btrfs

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// maxName is the longest name of a directory entry, in bytes (BTRFS_NAME_LEN).
const maxName = 255

// checkName accepts one path component and nothing else.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("the name is empty")
	case name == "." || name == "..":
		return errors.New("the name is a place holder")
	case len(name) > maxName:
		return unix.ENAMETOOLONG
	case strings.ContainsAny(name, "/\x00"):
		return errors.New("the name has a slash or a zero byte")
	}
	return nil
}
