package stream

import (
	"fmt"
	"math/bits"
)

// ack takes in what the target says it has. The error wraps ErrBadStream: a
// sound target has only what was sent, and does not forget.
func (q *queue) ack(p progress) error {
	q.mu.Lock()
	err := q.confirm(p)
	q.signal()
	q.mu.Unlock()
	q.tell()
	return err
}

// confirm is called with mu held.
func (q *queue) confirm(p progress) error {
	if p.Chunks < q.base.chunks {
		return fmt.Errorf("%d chunks taken, %d before: %w", p.Chunks, q.base.chunks, ErrBadStream)
	}
	if p.Chunks > q.sent || uint64(bits.Len32(p.Beyond)) > q.sent-p.Chunks {
		return fmt.Errorf("%d chunks arrived and %b beyond, of %d sent: %w", p.Chunks, p.Beyond, q.sent, ErrBadStream)
	}
	if n, unsent := q.unsent(p); unsent {
		return fmt.Errorf("chunk %d arrived, which was not sent: %w", n, ErrBadStream)
	}
	for q.base.chunks < p.Chunks {
		q.settle(&q.held[0])
		q.base, q.held[0] = q.held[0].end, entry{}
		q.held = q.held[1:]
	}
	for rest := p.Beyond; rest != 0; rest &= rest - 1 {
		q.settle(&q.held[bits.TrailingZeros32(rest)])
	}
	return nil
}

// unsent finds a chunk that p confirms and no lane has taken: they go out nearly
// in order. It is called with mu held, and p lies below sent.
func (q *queue) unsent(p progress) (n uint64, found bool) {
	taken := int(p.Chunks - q.base.chunks)
	for i := range taken + bits.Len32(p.Beyond) {
		e := &q.held[i]
		came := i < taken || p.Beyond>>(i-taken)&1 == 1
		if came && e.state != entryConfirmed && !e.counted {
			return q.base.chunks + uint64(i), true
		}
	}
	return 0, false
}

// settle ends one transfer. It is called with mu held.
func (q *queue) settle(e *entry) {
	if e.state == entryConfirmed {
		return
	}
	if la := q.lanes[e.lane]; la != nil && e.state == entrySent {
		la.unconfirmed--
	}
	e.state = entryConfirmed
	e.release()
	e.parcel = nil
}
