package sendstream

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Encoder builds a stream in memory. It follows the layout of the format but
// judges no value, so that streams a Reader must refuse can be made too. It is
// not safe for concurrent use.
type Encoder struct {
	version uint32
	buf     []byte
}

// NewEncoder returns an Encoder that holds the header of a stream. The version
// goes into it as it is, and versions from 2 on have the layout of 2.
func NewEncoder(version uint32) *Encoder {
	buf := append([]byte(nil), magic...)
	return &Encoder{version: version, buf: binary.LittleEndian.AppendUint32(buf, version)}
}

// Bytes returns the stream since the last Reset. It is valid until the next call
// of another method.
func (e *Encoder) Bytes() []byte { return e.buf }

// Reset empties the Encoder and keeps its memory: what follows continues the
// stream, without a header.
func (e *Encoder) Reset() { e.buf = e.buf[:0] }

// Append adds c with the attributes of its type, as the kernel would; Offset, Size
// and CRC are ignored. It fails, and adds nothing, if the type is unknown or a
// value does not fit an attribute's length.
func (e *Encoder) Append(c *Command) error {
	if !c.Type.known() {
		return fmt.Errorf("encode %v: unknown type", c.Type)
	}
	start := e.begin(c.Type)
	if err := e.appendAttrs(c, -1); err != nil {
		e.buf = e.buf[:start]
		return fmt.Errorf("encode %v: %w", c.Type, err)
	}
	e.finish(start, 0)
	return nil
}

// appendRoom is Append of a command with size bytes of room for its data, which
// it makes the data of c. What is in there is not defined, and the checksum is 0:
// see [Seal]. The data of a command is the last of it.
func (e *Encoder) appendRoom(c *Command, size int) error {
	start := e.begin(c.Type)
	if err := e.appendAttrs(c, size); err != nil {
		e.buf = e.buf[:start]
		return fmt.Errorf("encode %v: %w", c.Type, err)
	}
	binary.LittleEndian.PutUint32(e.buf[start:], uint32(len(e.buf)-start-commandHeaderSize))
	c.Data = e.buf[len(e.buf)-size:]
	return nil
}

// appendAttrs adds the attributes of c. A room that is not negative stands for
// that many bytes of data.
func (e *Encoder) appendAttrs(c *Command, room int) error {
	l := &layouts[c.Type]
	allowed := l.allowed(e.version)
	for _, a := range l.attrs {
		if !allowed.has(a) {
			continue
		}
		if a == AttrData && room >= 0 {
			return e.appendDataRoom(room)
		}
		if err := e.appendAttr(c, a); err != nil {
			return err
		}
	}
	return nil
}

// appendDataRoom adds a data attribute with room for size bytes.
func (e *Encoder) appendDataRoom(size int) error {
	e.buf = binary.LittleEndian.AppendUint16(e.buf, uint16(AttrData))
	if !e.withoutLength(AttrData) {
		if size > math.MaxUint16 {
			return fmt.Errorf("%v of %d bytes does not fit", AttrData, size)
		}
		e.buf = binary.LittleEndian.AppendUint16(e.buf, uint16(size))
	}
	e.buf = slices.Grow(e.buf, size)
	e.buf = e.buf[:len(e.buf)+size]
	return nil
}

func (e *Encoder) appendAttr(c *Command, a Attr) error {
	e.buf = binary.LittleEndian.AppendUint16(e.buf, uint16(a))
	if e.withoutLength(a) {
		e.buf = c.appendField(e.buf, a)
		return nil
	}
	at := len(e.buf)
	e.buf = c.appendField(append(e.buf, 0, 0), a)
	n := len(e.buf) - at - 2
	if n > math.MaxUint16 {
		return fmt.Errorf("%v of %d bytes does not fit", a, n)
	}
	binary.LittleEndian.PutUint16(e.buf[at:], uint16(n))
	return nil
}

func (e *Encoder) withoutLength(a Attr) bool { return a == AttrData && e.version >= 2 }

// RawAttr is an attribute with its value as it goes into the stream.
type RawAttr struct {
	Attr  Attr
	Value []byte // its length is cut to 16 bits, but for AttrData in version 2, which has none
}

// RawCommand is a command that need not be legal, to test readers with.
type RawCommand struct {
	Type   Type
	Attrs  []RawAttr
	CRCXor uint32 // not zero: the checksum is wrong by these bits
}

// AppendRaw adds c as it stands.
func (e *Encoder) AppendRaw(c RawCommand) {
	start := e.begin(c.Type)
	for _, a := range c.Attrs {
		e.buf = binary.LittleEndian.AppendUint16(e.buf, uint16(a.Attr))
		if !e.withoutLength(a.Attr) {
			e.buf = binary.LittleEndian.AppendUint16(e.buf, uint16(len(a.Value)))
		}
		e.buf = append(e.buf, a.Value...)
	}
	e.finish(start, c.CRCXor)
}

// AppendBytes adds bytes that need not be a command at all.
func (e *Encoder) AppendBytes(b []byte) { e.buf = append(e.buf, b...) }

// begin adds the header of a command, its length and checksum still open, and
// returns where it stands.
func (e *Encoder) begin(t Type) (start int) {
	start = len(e.buf)
	e.buf = binary.LittleEndian.AppendUint32(e.buf, 0)
	e.buf = binary.LittleEndian.AppendUint16(e.buf, uint16(t))
	e.buf = binary.LittleEndian.AppendUint32(e.buf, 0)
	return start
}

func (e *Encoder) finish(start int, crcXor uint32) {
	raw := e.buf[start:]
	binary.LittleEndian.PutUint32(raw, uint32(len(raw)-commandHeaderSize))
	binary.LittleEndian.PutUint32(raw[6:], commandCRC(raw)^crcXor)
}
