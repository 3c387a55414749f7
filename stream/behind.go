package stream

import (
	"fmt"
	"io"
)

// BehindError says that a feed goes on without a session, which was too slow for
// the others. The session lives, and what it was handed it still delivers.
type BehindError struct {
	Bytes  int64  // of the raw stream that it was handed
	Chunks uint64 // the same
}

// Error says how far the session came with the others.
func (e *BehindError) Error() string {
	return fmt.Sprintf("slower than the other targets: on its own from byte %d on", e.Bytes)
}

// Continue lets a session that fell behind go on by itself. The caller makes the
// same raw stream again and writes it into w from its first byte: the first
// skip bytes are compared with what was sent before, by their XXH64, and the
// rest is sent. A Write that finds another stream fails with ErrDiverged and
// ends the session, and so does End when the stream is shorter than what was
// sent. End comes after the last Write, as usual.
func (o *Outbound) Continue() (skip int64, w io.Writer, err error) {
	at, _, behind, _ := o.queue.handed()
	if !behind {
		return 0, nil, fmt.Errorf("continue %s: %w", o.offer.Share, ErrMisuse)
	}
	if cause := o.cause(); cause != nil {
		return 0, nil, fmt.Errorf("continue %s: %w", o.offer.Share, cause)
	}
	f := newFeed(o.endpoint.c.Log, at, workers())
	o.queue.rejoin()
	o.followed = false
	if err := o.follow(f); err != nil {
		return 0, nil, fmt.Errorf("continue %s: %w", o.offer.Share, err)
	}
	o.feed = f
	o.again = &again{out: o, at: newMark(), want: at}
	return at.bytes, o.again, nil
}

// again passes on a stream that has been sent in part.
type again struct {
	out  *Outbound
	at   mark // what was skipped; its chunks are pieces as they came
	want mark // all that is to be skipped
}

// Write skips what was sent before, and sends the rest.
func (r *again) Write(p []byte) (int, error) {
	n := int(min(int64(len(p)), r.left()))
	if n > 0 {
		r.at = r.at.after(p[:n])
		if r.left() == 0 && r.at.digest() != r.want.digest() {
			r.out.fail(ErrDiverged)
		}
	}
	if err := r.out.cause(); err != nil {
		return 0, fmt.Errorf("continue %s: %w", r.out.offer.Share, err)
	}
	sent, err := r.out.Write(p[n:])
	return n + sent, err
}

// left is how many bytes are still to be skipped.
func (r *again) left() int64 { return r.want.bytes - r.at.bytes }
