package btrfstest

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

func (m *mutator) userAttribute() error {
	return m.setAttribute(m.any(), fmt.Sprintf("user.k%d", m.rng.IntN(5)), m.bytes(300))
}

func (m *mutator) trustedAttribute() error {
	return m.setAttribute(m.any(), fmt.Sprintf("trusted.k%d", m.rng.IntN(3)), m.bytes(30))
}

// compressionProperty sets btrfs's own attribute, which new files inherit. Not
// on the root, see MutateRoot.
func (m *mutator) compressionProperty() error {
	n, err := m.pick(func(n node) bool { return n.isDir() || n.isRegular() })
	if err != nil {
		return err
	}
	return m.setAttribute(n, "btrfs.compression", m.compression())
}

func (m *mutator) compression() []byte {
	return []byte([]string{"zlib", "lzo", "zstd"}[m.rng.IntN(3)])
}

func (m *mutator) setAttribute(n node, name string, value []byte) error {
	err := unix.Lsetxattr(m.full(n.path), name, value, 0)
	return pathError("lsetxattr "+name, n.path, err)
}

// removeAttribute removes one of those a path has, ACLs and capabilities too.
func (m *mutator) removeAttribute() error {
	n, err := m.pick(m.hasAttribute)
	if err != nil {
		return err
	}
	names, err := attributeNames(m.full(n.path))
	if err != nil {
		return err
	}
	name := names[m.rng.IntN(len(names))]
	return pathError("lremovexattr "+name, n.path, unix.Lremovexattr(m.full(n.path), name))
}

func (m *mutator) hasAttribute(n node) bool {
	names, err := attributeNames(m.full(n.path))
	return err == nil && len(names) > 0
}

// capability sets security.capability, struct vfs_cap_data of revision 2 in
// linux/capability.h: revision with the effective bit, then two pairs of
// permitted and inheritable masks.
func (m *mutator) capability() error {
	n, err := m.pick(node.isRegular)
	if err != nil {
		return err
	}
	const revision2 = 0x02000000
	value := make([]byte, 20)
	binary.LittleEndian.PutUint32(value, revision2|m.rng.Uint32N(2))
	binary.LittleEndian.PutUint32(value[4:], m.rng.Uint32())
	return m.setAttribute(n, "security.capability", value)
}

func (m *mutator) accessACL() error {
	n, err := m.pick(func(n node) bool { return !n.isSymlink() })
	if err != nil {
		return err
	}
	return m.setAttribute(n, "system.posix_acl_access", m.acl())
}

// defaultACL sets what new files in a directory inherit. Not on the root, see
// MutateRoot.
func (m *mutator) defaultACL() error {
	n, err := m.pick(node.isDir)
	if err != nil {
		return err
	}
	return m.setAttribute(n, "system.posix_acl_default", m.acl())
}

// Tags of linux/posix_acl.h, and the id of an entry that needs none.
const (
	aclUserObj  = 0x01
	aclUser     = 0x02
	aclGroupObj = 0x04
	aclGroup    = 0x08
	aclMask     = 0x10
	aclOther    = 0x20
	aclNoID     = 0xffffffff
)

// acl makes the value of linux/posix_acl_xattr.h: version 2, then entries of
// tag, permissions and id in the order the kernel demands.
func (m *mutator) acl() []byte {
	value := binary.LittleEndian.AppendUint32(nil, 2)
	entry := func(tag uint16, id uint32) {
		value = binary.LittleEndian.AppendUint16(value, tag)
		value = binary.LittleEndian.AppendUint16(value, uint16(m.rng.UintN(8)))
		value = binary.LittleEndian.AppendUint32(value, id)
	}
	entry(aclUserObj, aclNoID)
	for user := range m.rng.Uint32N(4) {
		entry(aclUser, 1000+user)
	}
	entry(aclGroupObj, aclNoID)
	entry(aclGroup, 2000+m.rng.Uint32N(3))
	entry(aclMask, aclNoID)
	entry(aclOther, aclNoID)
	return value
}

func (m *mutator) chmod() error { return m.setMode(m.rng.Uint32N(0o1000)) }

// specialBits sets setuid, setgid and sticky in any combination.
func (m *mutator) specialBits() error { return m.setMode(0o1000 + m.rng.Uint32N(0o7000)) }

func (m *mutator) setMode(mode uint32) error {
	n := m.any()
	if n.isSymlink() {
		return errNothing
	}
	return pathError("chmod", n.path, unix.Chmod(m.full(n.path), mode))
}

func (m *mutator) chown() error {
	return os.Lchown(m.full(m.any().path), m.rng.IntN(3)*1000, m.rng.IntN(3)*500)
}

// times sets atime and mtime to any moment from 1938 to 2096.
func (m *mutator) times() error {
	n := m.any()
	at := unix.Timespec{Sec: m.rng.Int64N(5e9) - 1e9, Nsec: m.rng.Int64N(1e9)}
	err := unix.UtimesNanoAt(unix.AT_FDCWD, m.full(n.path), []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW)
	return pathError("utimensat", n.path, err)
}

// pathError is nil for nil.
func pathError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}
