package image

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"strings"

	"btrmesh/btrfs"
)

// Where the copies of the superblock lie in the template, in bytes.
const (
	firstSuper  = 64 << 10
	secondSuper = 64 << 20
)

// Fields of struct btrfs_super_block (btrfs_tree.h), as offsets in bytes.
const (
	superSize = 4096

	superChecksum     = 0 // CRC32C of all that follows the 32 bytes of it
	superFSID         = 32
	superBytenr       = 48
	superMagic        = 64
	superIncompat     = 188
	superLabel        = 299
	superMetadataUUID = 571

	checksumSize = 32
	uuidSize     = 16
	labelSize    = 256
)

const magic = "_BHRfS_M"

// incompatMetadataUUID says that the blocks of all trees carry the UUID at
// superMetadataUUID, not the file system's own.
const incompatMetadataUUID = 1 << 10

// superblock is one copy of the superblock.
type superblock [superSize]byte

// rebrand gives the file system in f another UUID and label, in all copies of
// its superblock. Linux 5.0 and later can mount the result.
func rebrand(f *os.File, uuid btrfs.UUID, label string) error {
	for _, at := range []int64{firstSuper, secondSuper} {
		var s superblock
		if _, err := f.ReadAt(s[:], at); err != nil {
			return err
		}
		if err := s.check(at); err != nil {
			return fmt.Errorf("superblock at %d: %w", at, err)
		}
		if err := s.setLabel(label); err != nil {
			return err
		}
		s.setUUID(uuid)
		s.seal()
		if _, err := f.WriteAt(s[:], at); err != nil {
			return err
		}
	}
	return nil
}

func (s *superblock) check(at int64) error {
	switch {
	case string(s[superMagic:superMagic+len(magic)]) != magic:
		return errors.New("it has no magic number")
	case binary.LittleEndian.Uint64(s[superBytenr:]) != uint64(at):
		return errors.New("it belongs elsewhere")
	case binary.LittleEndian.Uint32(s[superChecksum:]) != s.checksum():
		return errors.New("its checksum is wrong")
	}
	return nil
}

// setUUID leaves the UUID of the blocks as it is.
func (s *superblock) setUUID(uuid btrfs.UUID) {
	incompat := binary.LittleEndian.Uint64(s[superIncompat:])
	if incompat&incompatMetadataUUID == 0 {
		copy(s[superMetadataUUID:][:uuidSize], s[superFSID:][:uuidSize])
		binary.LittleEndian.PutUint64(s[superIncompat:], incompat|incompatMetadataUUID)
	}
	copy(s[superFSID:], uuid[:])
}

func (s *superblock) setLabel(label string) error {
	if len(label) >= labelSize || strings.ContainsAny(label, "\x00\n") {
		return fmt.Errorf("label %.40q does not fit", label)
	}
	field := s[superLabel:][:labelSize]
	clear(field)
	copy(field, label)
	return nil
}

func (s *superblock) seal() {
	clear(s[superChecksum:][:checksumSize])
	binary.LittleEndian.PutUint32(s[superChecksum:], s.checksum())
}

func (s *superblock) checksum() uint32 {
	return crc32.Checksum(s[checksumSize:], crc32.MakeTable(crc32.Castagnoli))
}
