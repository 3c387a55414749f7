//go:build root

package btrfstest

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// privileged are the changes only root may make.
var privileged = []change{
	{"owner", func(dir string) error { return os.Chown(dir+"/file", 1000, -1) }},
	{"group", func(dir string) error { return os.Chown(dir+"/file", -1, 1000) }},
	{"owner of a symlink", func(dir string) error { return os.Lchown(dir+"/symlink", 1000, -1) }},
	{"owner of the root", func(dir string) error { return os.Chown(dir, 1000, -1) }},
	{"trusted attribute", func(dir string) error { return unix.Setxattr(dir+"/file", "trusted.k", []byte("v"), 0) }},
	{"attribute of a symlink", func(dir string) error { return unix.Lsetxattr(dir+"/symlink", "trusted.k", []byte("v"), 0) }},
	{"capability", func(dir string) error {
		return unix.Setxattr(dir+"/file", "security.capability", append([]byte{1, 0, 0, 2, 0, 0x20}, make([]byte, 14)...), 0)
	}},
	{"device number", func(dir string) error { return replant(dir+"/fifo", device(unix.S_IFCHR, 1, 3)) }},
	{"kind of device", func(dir string) error { return replant(dir+"/fifo", device(unix.S_IFBLK, 1, 3)) }},
	{"access acl", func(dir string) error { return setACL(dir+"/file", "system.posix_acl_access") }},
	{"default acl", func(dir string) error { return setACL(dir+"/sub", "system.posix_acl_default") }},
}

func device(format, major, minor uint32) func(string) error {
	return func(path string) error { return unix.Mknod(path, format|0o644, int(unix.Mkdev(major, minor))) }
}

// setACL sets the mutator's ACL with a fixed seed.
func setACL(path, name string) error {
	m, err := newMutator(path, 1)
	if err != nil {
		return err
	}
	return unix.Setxattr(path, name, m.acl(), 0)
}

func TestDigestNoticesEachPrivilegedChange(t *testing.T) { noticesEach(t, privileged) }

func TestDigestTellsDevicesApart(t *testing.T) {
	sums := map[string]string{}
	for name, makeNode := range map[string]func(string) error{
		"c 1:3": device(unix.S_IFCHR, 1, 3),
		"b 1:3": device(unix.S_IFBLK, 1, 3),
		"c 3:1": device(unix.S_IFCHR, 3, 1),
		"high":  device(unix.S_IFCHR, 4095, 1<<20-1),
	} {
		dir := plant(t)
		for _, err := range []error{replant(dir+"/fifo", makeNode), flatten(dir)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		sum := mustDigest(t, dir).Sum()
		if other, found := sums[sum]; found {
			t.Errorf("%s and %s have one digest", name, other)
		}
		sums[sum] = name
	}
}
