package stream

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
)

// wire sends and receives frames on one bidirectional stream and counts their
// bytes. send may be called concurrently, receive not.
type wire struct {
	stream  *quic.Stream
	turn    chan []byte // holds the one send buffer while nobody writes
	in, out atomic.Int64
}

// newWire wraps an accepted stream whose first two bytes have been read.
func newWire(s *quic.Stream) *wire {
	w := &wire{stream: s, turn: make(chan []byte, 1)}
	w.turn <- nil
	return w
}

// openWire opens a stream on l. Its kind leaves with the first frame.
func openWire(ctx context.Context, l *link, kind streamKind) (*wire, error) {
	s, err := l.conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, fault(ctx, l.peer, err)
	}
	w := &wire{stream: s, turn: make(chan []byte, 1)}
	w.turn <- []byte{protocolVersion, byte(kind)}
	return w, nil
}

// send writes the messages at once.
func (w *wire) send(messages ...message) error {
	buf := <-w.turn
	defer func() { w.turn <- buf[:0] }()
	var err error
	for _, m := range messages {
		if buf, err = appendFrame(buf, m); err != nil {
			return err
		}
	}
	n, err := w.stream.Write(buf)
	w.out.Add(int64(n))
	return err
}

// sendLast is send with a short limit of its own, for when the session's
// context is over.
func (w *wire) sendLast(messages ...message) error {
	if err := w.stream.SetWriteDeadline(time.Now().Add(lastWords)); err != nil {
		return err
	}
	return w.send(messages...)
}

// receive reads the next frame; io.EOF is the peer's proper end.
func (w *wire) receive() (frame, error) {
	f, err := readFrame(w.stream)
	if err == nil {
		w.in.Add(int64(f.size()))
	}
	return f, err
}

// finish ends our direction properly; what was sent will be delivered.
func (w *wire) finish() { _ = w.stream.Close() } // fails only on a stream cancelled before

// abandon gives up both directions.
func (w *wire) abandon(code uint64) {
	w.stream.CancelRead(quic.StreamErrorCode(code))
	w.stream.CancelWrite(quic.StreamErrorCode(code))
}

// lastWords bounds what is still sent once a session is over.
const lastWords = 500 * time.Millisecond

// bind abandons w when ctx ends, until release is called.
func (w *wire) bind(ctx context.Context) (release func() bool) {
	return context.AfterFunc(ctx, func() { w.abandon(CodeCancelled) })
}

// exchange opens a stream of the given kind, sends q and returns the answer.
func exchange[A message](ctx context.Context, l *link, kind streamKind, q message) (A, error) {
	var none A
	w, err := openWire(ctx, l, kind)
	if err != nil {
		return none, err
	}
	defer w.bind(ctx)()
	if err := w.send(q); err != nil {
		w.abandon(CodeCancelled)
		return none, fault(ctx, l.peer, err)
	}
	w.finish()
	a, err := expect[A](w.stream)
	w.stream.CancelRead(quic.StreamErrorCode(CodeNone))
	return a, fault(ctx, l.peer, err)
}

// readKind reads the two bytes every stream begins with.
func readKind(r io.Reader) (streamKind, error) {
	var b [2]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, noEOF(err)
	}
	if b[0] != protocolVersion {
		return 0, fmt.Errorf("protocol %d: %w", b[0], ErrBadStream)
	}
	return streamKind(b[1]), nil
}
