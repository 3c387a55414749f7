package sendstream

// Encoder builds a stream in memory.
type Encoder struct{}

// RawAttr is an attribute with its value as it goes into the stream.
type RawAttr struct {
	Attr  Attr
	Value []byte
}

// RawCommand is a command that need not be legal.
type RawCommand struct {
	Type   Type
	Attrs  []RawAttr
	CRCXor uint32 // not zero: the checksum is wrong
}

// NewEncoder returns an Encoder that holds the header of a stream of version 1 or 2.
func NewEncoder(version uint32) *Encoder { return &Encoder{} }

// Append adds c.
func (e *Encoder) Append(c *Command) error { return nil }

// AppendRaw adds c as it is.
func (e *Encoder) AppendRaw(c RawCommand) {}

// Bytes returns the stream so far.
func (e *Encoder) Bytes() []byte { return nil }

// Reset empties the Encoder, the header of the stream included.
func (e *Encoder) Reset() {}
