package stream

import (
	"encoding/binary"
	"fmt"
	"io"
)

// A frame on a bidirectional stream:
//
//	u32 length, big endian, 1..maxFrame: of what follows
//	u8  type
//	CBOR
const (
	frameHead = 5
	maxFrame  = 64 << 10 // bytes counted by the length field
)

// frameType names the message in a frame.
type frameType uint8

const (
	typeHello     frameType = 1
	typeOffer     frameType = 2
	typeHave      frameType = 3
	typeBegin     frameType = 4
	typeProgress  frameType = 5
	typeEnd       frameType = 6
	typeCommitted frameType = 7
	typeRefused   frameType = 8
	typeAbort     frameType = 9
	typeQuery     frameType = 16
	typeAnswer    frameType = 17
	typeJoin      frameType = 32
	typeJoined    frameType = 33
	typeStored    frameType = 34
	typeConfirmed frameType = 35
	typeHashes    frameType = 48
	typeRecords   frameType = 49
	typeSynced    frameType = 50
	typeSunk      frameType = 51
)

// frame is one decoded frame; body is owned by whoever holds the frame.
type frame struct {
	kind frameType
	body []byte
}

func (f frame) size() int { return frameHead + len(f.body) }

// appendFrame adds the frame of m to dst. It fails only if m is too large.
func appendFrame(dst []byte, m message) ([]byte, error) {
	body, err := encode(m)
	if err != nil {
		return dst, fmt.Errorf("encode %T: %w", m, err)
	}
	if len(body)+1 > maxFrame {
		return dst, fmt.Errorf("encode %T: %d bytes exceed a frame", m, len(body))
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(body)+1))
	return append(append(dst, byte(m.frameType())), body...), nil
}

// readFrame reads one frame. io.EOF means a clean end between frames;
// ErrBadStream is wrapped when the length is out of range.
func readFrame(r io.Reader) (frame, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	n := binary.BigEndian.Uint32(head[:4])
	if n < 1 || n > maxFrame {
		return frame{}, fmt.Errorf("frame of %d bytes: %w", n, ErrBadStream)
	}
	body := make([]byte, n-1)
	if _, err := io.ReadFull(r, body); err != nil {
		return frame{}, noEOF(err)
	}
	return frame{kind: frameType(head[4]), body: body}, nil
}

// expect reads one frame that must carry a T; a refusal in its place is
// returned as *Refusal.
func expect[T message](r io.Reader) (T, error) {
	var zero T
	f, err := readFrame(r)
	if err != nil {
		return zero, noEOF(err)
	}
	return parse[T](f)
}

// parse decodes f as a T; a refusal in its place is returned as *Refusal.
func parse[T message](f frame) (T, error) {
	var m T
	if f.kind == typeRefused && m.frameType() != typeRefused {
		r, err := parse[Refusal](f)
		if err != nil {
			return m, err
		}
		return m, &r
	}
	if f.kind != m.frameType() {
		return m, fmt.Errorf("frame type %d where %d belongs: %w", f.kind, m.frameType(), ErrBadStream)
	}
	if err := decode(f.body, &m); err != nil {
		return m, fmt.Errorf("decode %T: %w: %w", m, ErrBadStream, err)
	}
	if err := m.check(); err != nil {
		return m, fmt.Errorf("check %T: %w: %w", m, ErrBadStream, err)
	}
	return m, nil
}

// noEOF turns an end that came too early into io.ErrUnexpectedEOF.
func noEOF(err error) error {
	if err == io.EOF { //nolint:errorlint // Read returns io.EOF itself
		return io.ErrUnexpectedEOF
	}
	return err
}
