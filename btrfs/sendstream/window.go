package sendstream

import (
	"errors"
	"fmt"
	"io"
)

// Sizes in bytes.
const (
	headerSize        = 17 // magic and version
	commandHeaderSize = 10

	// maxCommandV1 is BTRFS_SEND_BUF_SIZE_V1. Version 2 promises no bound; kernels
	// use 144 KiB, or 192 KiB with pages of 64 KiB.
	maxCommandV1 = 64 << 10
	maxCommandV2 = 256 << 10

	// windowSize holds the header of the stream, the largest first command and,
	// where that is broken, a second header after it.
	windowSize = headerSize + maxCommandV2 + headerSize

	// minRead is the room below which the window moves before it reads on.
	minRead = 4 << 10

	// largeCommand is the size from which on a command is worth a read of its own.
	largeCommand = 16 << 10

	maxEmptyReads = 100
)

// window is the stretch of a stream that is in memory.
//
//	buf  [ passed on | accepted | looked at | read | free ]
//	     0           held       accepted    next   end
type window struct {
	src  io.Reader
	sink io.Writer // is given every accepted byte; nil: nobody is
	buf  []byte

	held, accepted, next, end int

	err     error // of src, once it failed; io.EOF at its end
	sinkErr error // of sink, once it failed
}

func newWindow(src io.Reader) window { return window{src: src, buf: make([]byte, windowSize)} }

// peek returns the next n bytes, at most maxCommandV2+headerSize, without
// consuming them.
// When the input ends or fails before, it returns what there is with the error:
// a bare io.EOF means that the input ended, and nothing else does.
func (w *window) peek(n int) ([]byte, error) {
	for w.end-w.next < n {
		if err := w.more(n); err != nil {
			return w.buf[w.next:w.end], err
		}
	}
	return w.buf[w.next : w.next+n], nil
}

// more reads once, with room for n bytes from next on. Accepted bytes go to the
// sink first, so that they do not wait for a slow source.
func (w *window) more(n int) error {
	if err := w.flush(); err != nil {
		return err
	}
	if w.err != nil {
		return w.err
	}
	if w.next+n > len(w.buf) || len(w.buf)-w.end < minRead || w.held == w.end {
		w.compact()
	}
	return w.read(w.room(n))
}

// room is where to read to. A large command is read to its end and no further:
// the next one then begins at the front, and nothing large is ever moved.
func (w *window) room(n int) []byte {
	if n >= largeCommand {
		return w.buf[w.end : w.next+n]
	}
	return w.buf[w.end:]
}

func (w *window) read(room []byte) error {
	for range maxEmptyReads {
		n, err := w.src.Read(room)
		w.end += n
		w.err = inputError(err)
		if n > 0 {
			return nil
		}
		if w.err != nil {
			return w.err
		}
	}
	w.err = inputError(io.ErrNoProgress)
	return w.err
}

// inputError wraps all but a bare io.EOF. An error that merely wraps io.EOF is a
// failure and must not be taken for the end later: it is kept as text.
func inputError(err error) error {
	switch {
	case err == nil, err == io.EOF: //nolint:errorlint // io.Reader returns it bare
		return err
	case errors.Is(err, io.EOF):
		return fmt.Errorf("read send stream: %v", err) //nolint:errorlint // see above
	default:
		return fmt.Errorf("read send stream: %w", err)
	}
}

// compact moves what is still needed to the front.
func (w *window) compact() {
	copy(w.buf, w.buf[w.held:w.end])
	w.accepted -= w.held
	w.next -= w.held
	w.end -= w.held
	w.held = 0
}

// take consumes n bytes that peek returned.
func (w *window) take(n int) { w.next += n }

// accept marks all consumed bytes as good.
func (w *window) accept() { w.accepted = w.next }

// drop forgets the accepted bytes instead of passing them on.
func (w *window) drop() { w.held = w.accepted }

// flush passes the accepted bytes on.
func (w *window) flush() error {
	if w.sinkErr == nil && w.sink != nil && w.held < w.accepted {
		w.sinkErr = w.write(w.buf[w.held:w.accepted])
	}
	w.held = w.accepted
	return w.sinkErr
}

func (w *window) write(b []byte) error {
	n, err := w.sink.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("write send stream: %w", err)
	}
	return nil
}
