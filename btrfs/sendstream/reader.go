package sendstream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// magic begins every stream.
const magic = "btrfs-stream\x00"

// defaultMaxVersion is the newest version whose commands are all known here.
const defaultMaxVersion = 2

// The rules about the frame of the stream.
const (
	ruleMagic     = "not a btrfs send stream"
	ruleVersion   = "stream version not accepted"
	ruleLength    = "command too long"
	ruleSpace     = "stream takes more space than agreed"
	ruleCRC       = "checksum mismatch"
	ruleFirst     = "stream does not begin with subvol or snapshot"
	ruleSecond    = "second subvolume in one stream"
	ruleTruncated = "stream ends early"
	ruleAfterEnd  = "bytes after the end command"
)

// Limits bounds what a Reader accepts, and lets others watch. The zero value has
// the bounds of the format alone.
type Limits struct {
	MaxSpace   int64  // of what this Reader hands out: bytes of commands that take space; 0: no limit
	MaxVersion uint32 // newest stream version accepted; 0: 2. No commands beyond those of 2 are known

	// Watch is called with every command that was accepted, before Next returns it;
	// nil: nobody is.
	Watch func(*Command)
}

// Reader takes a send stream apart. It needs a fixed 256 KiB whatever the input
// claims, and allocates nothing per command. It is not safe for concurrent use.
type Reader struct {
	win     window
	limits  Limits
	version uint32
	start   int64 // where the first command begins
	offset  int64
	space   int64 // of Limits.MaxSpace that is used up
	begun   bool  // subvol or snapshot was read
	ended   bool  // end was read
	err     error
}

// NewReader returns a Reader of r, which is read in large pieces and possibly
// ahead of what Next hands out.
func NewReader(r io.Reader, l Limits) *Reader {
	if l.MaxVersion == 0 {
		l.MaxVersion = defaultMaxVersion
	}
	return &Reader{win: newWindow(r), limits: l, start: headerSize}
}

// NewContinuation returns a Reader of the rest of a stream that was applied up
// to a position before: a header and, instead of a subvol or snapshot command,
// what follows there, as CopyFrom writes it. All other rules hold. Offsets, and
// count from the beginning of the whole stream, Limits.MaxSpace from there on.
func NewContinuation(r io.Reader, l Limits, from Position) *Reader {
	rd := NewReader(r, l)
	rd.begun = true
	rd.start = max(headerSize, from.Bytes)
	return rd
}

// Version is the version of the stream, 0 before the first call of Next.
func (r *Reader) Version() uint32 { return r.version }

// Offset is the number of bytes of the stream that were handed out: the end of
// the last command.
func (r *Reader) Offset() int64 { return r.offset }

// Next fills c with the next command; the slices of the previous one are void
// then. The end command is handed out like any other. Only the call after it
// returns io.EOF, once the input too has ended; an input that ends elsewhere is
// an error. A bad stream gives an *Error, which matches ErrInvalid; a failing
// input gives the wrapped error of the input, which does not. Every error is
// final: Next returns it again.
func (r *Reader) Next(c *Command) error {
	if r.err == nil {
		*c = Command{Offset: r.offset}
		if err := r.next(c); err != nil {
			r.err = locate(err, c)
		}
	}
	return r.err
}

func (r *Reader) next(c *Command) error {
	if r.ended {
		return r.finish()
	}
	if r.version == 0 {
		if err := r.readHeader(); err != nil {
			return err
		}
		c.Offset = r.offset
	}
	raw, err := r.frame(c)
	if err != nil {
		return err
	}
	if err := r.inOrder(c.Type); err != nil {
		return err
	}
	if err := c.decode(raw[commandHeaderSize:], r.version); err != nil {
		return err
	}
	if err := r.checkSpace(c); err != nil {
		return err
	}
	r.accept(c)
	if r.limits.Watch != nil {
		r.limits.Watch(c)
	}
	return nil
}

// locate adds the place to the error of a broken rule.
func locate(err error, c *Command) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.Offset, e.Command = c.Offset, c.Type
	}
	return err
}

// readHeader consumes the header of the stream.
func (r *Reader) readHeader() error {
	h, err := r.peek(headerSize)
	if err != nil {
		return err
	}
	if string(h[:len(magic)]) != magic {
		return breach(ruleMagic)
	}
	version := binary.LittleEndian.Uint32(h[len(magic):])
	if version < 1 || version > r.limits.MaxVersion {
		return breachf(ruleVersion, "version %d, expected 1 to %d", version, r.limits.MaxVersion)
	}
	r.version = version
	r.offset = r.start
	r.win.take(headerSize)
	return nil
}

// frame reads one whole command into memory, unjudged but for its checksum.
func (r *Reader) frame(c *Command) ([]byte, error) {
	h, err := r.peek(commandHeaderSize)
	if err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(h)
	c.Type = Type(binary.LittleEndian.Uint16(h[4:]))
	c.CRC = binary.LittleEndian.Uint32(h[6:])
	if err := r.checkLength(length); err != nil {
		return nil, err
	}
	c.Size = commandHeaderSize + int(length)
	raw, err := r.peek(c.Size)
	if err != nil {
		return nil, err
	}
	if commandCRC(raw) != c.CRC {
		return nil, r.restartOr(c.Size, ruleCRC)
	}
	return raw, nil
}

// checkLength bounds a command before anything is read for it.
func (r *Reader) checkLength(length uint32) error {
	limit := maxCommandV2
	if r.version == 1 {
		limit = maxCommandV1
	}
	size := int64(commandHeaderSize) + int64(length)
	if size > int64(limit) {
		return r.restartOr(commandHeaderSize, ruleLength)
	}
	return nil
}

// checkSpace adds up what the commands take and bounds it.
func (r *Reader) checkSpace(c *Command) error {
	if r.limits.MaxSpace <= 0 {
		return nil
	}
	takes := c.space()
	if takes > uint64(r.limits.MaxSpace-r.space) {
		return &Error{Rule: ruleSpace, Err: fmt.Errorf("more than %d bytes: %w", r.limits.MaxSpace, ErrTooMuch)}
	}
	r.space += int64(takes)
	return nil
}

// restartOr tells a restarted send from another breach of a command of which size
// bytes matter. The kernel begins anew wherever the pipe was full, so the second
// header begins somewhere within the command whose frame is broken. File content
// with the same bytes is not mistaken for it: there the frame holds.
func (r *Reader) restartOr(size int, rule string) error {
	raw, _ := r.win.peek(size + headerSize) // or what there is
	if i := bytes.Index(raw, []byte(magic)); i >= 0 {
		return &Error{Rule: rule, Err: fmt.Errorf("stream header at byte %d of the command: %w", i, ErrRestarted)}
	}
	return breach(rule)
}

// inOrder checks that the stream makes one subvolume, first of all.
func (r *Reader) inOrder(t Type) error {
	begins := t == CmdSubvol || t == CmdSnapshot
	switch {
	case !begins && !r.begun:
		return breach(ruleFirst)
	case begins && r.begun:
		return breach(ruleSecond)
	}
	return nil
}

// accept consumes the command. The end stays back until the input has ended as
// well: who relays must not pass on an end that may be wrong.
func (r *Reader) accept(c *Command) {
	r.begun = true
	r.ended = c.Type == CmdEnd
	r.offset += int64(c.Size)
	r.win.take(c.Size)
	if !r.ended {
		r.win.accept()
	}
}

// finish checks that nothing follows the end.
func (r *Reader) finish() error {
	raw, err := r.win.peek(1)
	if len(raw) > 0 {
		return r.restartOr(0, ruleAfterEnd)
	}
	if err == io.EOF { //nolint:errorlint // window returns it bare
		r.win.accept()
	}
	return err
}

// peek is for bytes the stream must have.
func (r *Reader) peek(n int) ([]byte, error) {
	raw, err := r.win.peek(n)
	switch {
	case err != io.EOF: //nolint:errorlint // window returns it bare
		return raw, err
	case r.version != 0 && bytes.Contains(raw, []byte(magic)):
		return nil, r.restartOr(len(raw), ruleTruncated)
	default:
		return nil, &Error{Rule: ruleTruncated, Err: io.ErrUnexpectedEOF}
	}
}
