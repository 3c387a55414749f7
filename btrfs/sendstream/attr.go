package sendstream

import (
	"fmt"
	"math/bits"
)

// Attr is the type of an attribute, BTRFS_SEND_A_* of fs/btrfs/send.h.
type Attr uint16

// The attributes of version 1, and from AttrFallocateMode on those of version 2.
const (
	AttrUUID             Attr = 1
	AttrCTransID         Attr = 2
	AttrIno              Attr = 3
	AttrSize             Attr = 4
	AttrMode             Attr = 5
	AttrUID              Attr = 6
	AttrGID              Attr = 7
	AttrRdev             Attr = 8
	AttrCTime            Attr = 9
	AttrMTime            Attr = 10
	AttrATime            Attr = 11
	AttrOTime            Attr = 12
	AttrXattrName        Attr = 13
	AttrXattrData        Attr = 14
	AttrPath             Attr = 15
	AttrPathTo           Attr = 16
	AttrPathLink         Attr = 17
	AttrFileOffset       Attr = 18
	AttrData             Attr = 19
	AttrCloneUUID        Attr = 20
	AttrCloneCTransID    Attr = 21
	AttrClonePath        Attr = 22
	AttrCloneOffset      Attr = 23
	AttrCloneLen         Attr = 24
	AttrFallocateMode    Attr = 25
	AttrFileAttr         Attr = 26
	AttrUnencodedFileLen Attr = 27
	AttrUnencodedLen     Attr = 28
	AttrUnencodedOffset  Attr = 29
	AttrCompression      Attr = 30
	AttrEncryption       Attr = 31
)

const attrCount = int(AttrEncryption) + 1

// attrForm is how the value of an attribute is laid out.
type attrForm uint8

const (
	formBytes  attrForm = 0 // any length
	formUint32 attrForm = 1
	formUint64 attrForm = 2
	formTime   attrForm = 3 // s64 seconds, u32 nanoseconds
	formUUID   attrForm = 4
)

// size is the exact length of a value in bytes, -1 when it is free.
func (f attrForm) size() int {
	switch f {
	case formUint32:
		return 4
	case formUint64:
		return 8
	case formTime:
		return 12
	case formUUID:
		return 16
	case formBytes:
	}
	return -1
}

var attrs = [attrCount]struct {
	name string
	form attrForm
}{
	AttrUUID:             {"uuid", formUUID},
	AttrCTransID:         {"ctransid", formUint64},
	AttrIno:              {"ino", formUint64},
	AttrSize:             {"size", formUint64},
	AttrMode:             {"mode", formUint64},
	AttrUID:              {"uid", formUint64},
	AttrGID:              {"gid", formUint64},
	AttrRdev:             {"rdev", formUint64},
	AttrCTime:            {"ctime", formTime},
	AttrMTime:            {"mtime", formTime},
	AttrATime:            {"atime", formTime},
	AttrOTime:            {"otime", formTime},
	AttrXattrName:        {"xattr_name", formBytes},
	AttrXattrData:        {"xattr_data", formBytes},
	AttrPath:             {"path", formBytes},
	AttrPathTo:           {"path_to", formBytes},
	AttrPathLink:         {"path_link", formBytes},
	AttrFileOffset:       {"file_offset", formUint64},
	AttrData:             {"data", formBytes},
	AttrCloneUUID:        {"clone_uuid", formUUID},
	AttrCloneCTransID:    {"clone_ctransid", formUint64},
	AttrClonePath:        {"clone_path", formBytes},
	AttrCloneOffset:      {"clone_offset", formUint64},
	AttrCloneLen:         {"clone_len", formUint64},
	AttrFallocateMode:    {"fallocate_mode", formUint32},
	AttrFileAttr:         {"fileattr", formUint64},
	AttrUnencodedFileLen: {"unencoded_file_len", formUint64},
	AttrUnencodedLen:     {"unencoded_len", formUint64},
	AttrUnencodedOffset:  {"unencoded_offset", formUint64},
	AttrCompression:      {"compression", formUint32},
	AttrEncryption:       {"encryption", formUint32},
}

// String returns the kernel's name in lower case, "file_offset", or
// "attribute 77" of an unknown one.
func (a Attr) String() string {
	if a.known() {
		return attrs[a].name
	}
	return fmt.Sprintf("attribute %d", uint16(a))
}

func (a Attr) known() bool { return a >= AttrUUID && a <= AttrEncryption }

func (a Attr) form() attrForm { return attrs[a].form }

// attrSet is a set of known attributes, one bit each.
type attrSet uint32

func setOf(list ...Attr) attrSet {
	var s attrSet
	for _, a := range list {
		s |= 1 << a
	}
	return s
}

func (s attrSet) has(a Attr) bool { return a.known() && s&(1<<a) != 0 }

// first is the lowest member. The set must not be empty.
func (s attrSet) first() Attr { return Attr(bits.TrailingZeros32(uint32(s))) }
