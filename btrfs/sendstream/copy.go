package sendstream

import (
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
	r := NewReader(src, l)
	r.win.sink = dst
	var c Command
	var s Stats
	for {
		if err := r.Next(&c); err != nil {
			return s.of(r), r.win.drain(err)
		}
		s.Add(&c)
	}
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
