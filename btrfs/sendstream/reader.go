package sendstream

import (
	"errors"
	"io"
)

// Limits bounds what a Reader accepts.
type Limits struct {
	MaxBytes   int64  // of the whole stream; 0: no limit
	MaxVersion uint32 // newest stream version accepted; 0: 2
}

// Reader takes a send stream apart.
type Reader struct{}

// NewReader returns a Reader of r.
func NewReader(r io.Reader, l Limits) *Reader { return &Reader{} }

// Version is the version of the stream, 0 before the first call of Next.
func (r *Reader) Version() uint32 { return 0 }

// Offset is the number of bytes of the stream that were handed out.
func (r *Reader) Offset() int64 { return 0 }

// Next fills c with the next command, io.EOF after END and the end of the input.
func (r *Reader) Next(c *Command) error { return errors.ErrUnsupported }
