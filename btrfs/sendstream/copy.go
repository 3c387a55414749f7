package sendstream

import (
	"encoding/binary"
	"errors"
	"io"
)

// Copy relays one stream from src to dst and judges all of it on the way. dst is
// given whole, accepted commands only, in pieces of up to 256 KiB and unchanged;
// the end command is written only once src has ended. So what dst holds is at any
// time the beginning of a valid stream, and a complete one exactly if err is nil.
//
// The sums are valid even when err is not nil, and then count every command that
// was accepted, whether it reached dst or not. An *Error tells of a bad stream
// and matches ErrRestarted when the kernel began the send anew; the errors of src
// and dst are wrapped. Copy reads src until it ends or fails: to stop it, make
// src fail.
func Copy(dst io.Writer, src io.Reader, l Limits) (Stats, error) {
	return CopyFrom(dst, src, l, Position{})
}

// CopyFrom is Copy for a receiver that has applied the stream up to a position
// before. All of src is read and judged; dst is given the header and what
// follows the position, which is what [NewContinuation] reads. Nothing is
// written before the fingerprint was compared: ErrDiverged says that src is not
// the stream that was begun. The sums are of the whole stream; what was left out
// is in Stats.Skipped.
func CopyFrom(dst io.Writer, src io.Reader, l Limits, from Position) (Stats, error) {
	r := NewReader(src, l)
	var s Stats
	if err := r.pass(dst, from, &s); err != nil {
		return s.of(r), r.win.drain(err)
	}
	var c Command
	for {
		if err := r.Next(&c); err != nil {
			return s.of(r), r.win.drain(err)
		}
		s.Add(&c)
	}
}

// pass makes dst the sink of r. If there is a position to skip to, it does so
// first, and leaves the first command that goes out in the window.
func (r *Reader) pass(dst io.Writer, from Position, s *Stats) error {
	if from.IsZero() {
		r.win.sink = dst
		return nil
	}
	over := skipTo(from)
	var c Command
	for {
		if err := r.Next(&c); err != nil {
			return err
		}
		s.Add(&c)
		dropped, err := over.drops(&c)
		if err != nil {
			return err
		}
		if !dropped {
			break
		}
		s.Skipped += int64(c.Size)
		r.win.drop()
	}
	r.win.sink = dst
	r.win.sinkErr = r.win.write(binary.LittleEndian.AppendUint32([]byte(magic), r.version))
	return r.win.sinkErr
}

// of adds the header of the stream, which is no command.
func (s Stats) of(r *Reader) Stats {
	if s.Version = r.Version(); s.Version != 0 {
		s.Bytes += headerSize
	}
	return s
}

// drain passes on what was accepted before the reader stopped with err, which it
// returns; io.EOF becomes the outcome of passing on.
func (w *window) drain(err error) error {
	flushed := w.flush()
	if errors.Is(err, io.EOF) {
		return flushed
	}
	return err
}
