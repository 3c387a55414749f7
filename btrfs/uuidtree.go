package btrfs

import (
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// FindUUID returns the ids of the subvolumes of fs whose UUID is u: none, or
// one unless the file system is damaged.
func FindUUID(fs *os.File, u UUID) ([]uint64, error) { return findUUID(fs, typeUUID, u) }

// FindReceived returns the ids of all subvolumes of fs whose received UUID is
// u, writable ones among them.
func FindReceived(fs *os.File, u UUID) ([]uint64, error) { return findUUID(fs, typeReceived, u) }

// findUUID reads the UUID tree: the key is the UUID as two little-endian
// halves, the data a list of subvolume ids.
func findUUID(fs *os.File, kind uint32, u UUID) ([]uint64, error) {
	if u.IsZero() {
		return nil, nil
	}
	k := key{id: binary.LittleEndian.Uint64(u[:8]), kind: kind, offset: binary.LittleEndian.Uint64(u[8:])}
	var ids []uint64
	for it, err := range search(fs, treeUUIDs, k, k) {
		if errors.Is(err, unix.ENOENT) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for data := it.data; len(data) >= 8; data = data[8:] {
			ids = append(ids, binary.LittleEndian.Uint64(data))
		}
	}
	return ids, nil
}
