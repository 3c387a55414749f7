package sendstream

import (
	"encoding/binary"
	"slices"
)

// The functions below name the field of a Command that holds an attribute, so
// that reading and writing cannot disagree. They return nil for an attribute of
// another form.

func (c *Command) bytesField(a Attr) *[]byte {
	switch a { //nolint:exhaustive // the rest has another form
	case AttrPath:
		return &c.Path
	case AttrPathTo:
		return &c.To
	case AttrPathLink:
		return &c.Target
	case AttrXattrName:
		return &c.Name
	case AttrXattrData, AttrData: // never in one command
		return &c.Data
	case AttrClonePath:
		return &c.ClonePath
	}
	return nil
}

func (c *Command) uint64Field(a Attr) *uint64 {
	switch a { //nolint:exhaustive // the rest has another form
	case AttrCTransID:
		return &c.CTransID
	case AttrIno:
		return &c.Ino
	case AttrSize:
		return &c.Length
	case AttrMode:
		return &c.Mode
	case AttrUID:
		return &c.UID
	case AttrGID:
		return &c.GID
	case AttrRdev:
		return &c.Rdev
	case AttrFileOffset:
		return &c.FileOffset
	case AttrCloneCTransID:
		return &c.CloneCTransID
	case AttrCloneOffset:
		return &c.CloneOffset
	case AttrCloneLen:
		return &c.CloneLen
	case AttrFileAttr:
		return &c.FileAttr
	case AttrUnencodedFileLen:
		return &c.UnencodedFileLen
	case AttrUnencodedLen:
		return &c.UnencodedLen
	case AttrUnencodedOffset:
		return &c.UnencodedOffset
	}
	return nil
}

func (c *Command) uint32Field(a Attr) *uint32 {
	switch a { //nolint:exhaustive // the rest has another form
	case AttrFallocateMode:
		return &c.FallocateMode
	case AttrCompression:
		return &c.Compression
	case AttrEncryption:
		return &c.Encryption
	}
	return nil
}

func (c *Command) timeField(a Attr) *Time {
	switch a { //nolint:exhaustive // the rest has another form
	case AttrATime:
		return &c.ATime
	case AttrMTime:
		return &c.MTime
	case AttrCTime:
		return &c.CTime
	case AttrOTime:
		return &c.OTime
	}
	return nil
}

func (c *Command) uuidField(a Attr) *[16]byte {
	switch a { //nolint:exhaustive // the rest has another form
	case AttrUUID:
		return &c.UUID
	case AttrCloneUUID:
		return &c.CloneUUID
	}
	return nil
}

// setField stores the value of a known attribute, whose size has been checked.
func (c *Command) setField(a Attr, value []byte) {
	switch a.form() {
	case formBytes:
		*c.bytesField(a) = slices.Clip(value)
	case formUint32:
		*c.uint32Field(a) = binary.LittleEndian.Uint32(value)
	case formUint64:
		*c.uint64Field(a) = binary.LittleEndian.Uint64(value)
	case formTime:
		*c.timeField(a) = Time{Sec: int64(binary.LittleEndian.Uint64(value)), Nsec: binary.LittleEndian.Uint32(value[8:])}
	case formUUID:
		copy(c.uuidField(a)[:], value)
	}
}

// appendField appends the value of a known attribute.
func (c *Command) appendField(b []byte, a Attr) []byte {
	switch a.form() {
	case formBytes:
		return append(b, *c.bytesField(a)...)
	case formUint32:
		return binary.LittleEndian.AppendUint32(b, *c.uint32Field(a))
	case formUint64:
		return binary.LittleEndian.AppendUint64(b, *c.uint64Field(a))
	case formTime:
		t := c.timeField(a)
		b = binary.LittleEndian.AppendUint64(b, uint64(t.Sec))
		return binary.LittleEndian.AppendUint32(b, t.Nsec)
	case formUUID:
		return append(b, c.uuidField(a)[:]...)
	}
	return b
}
