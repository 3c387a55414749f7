package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/quic-go/quic-go"
)

// openLanes opens n lanes at once, on connections of their own if own. After an
// error nothing stays open.
func (e *Endpoint) openLanes(ctx context.Context, l *link, token bytes16, n int, own bool) ([]carrier, error) {
	type opened struct {
		lane carrier
		err  error
	}
	open := func(serial uint32) (carrier, error) { return shareLane(ctx, l, token, serial) }
	if own {
		open = func(serial uint32) (carrier, error) { return e.dialLane(ctx, l, token, serial, LaneQUIC, false) }
	}
	results := make(chan opened)
	for i := range n {
		go func() {
			c, err := open(uint32(i))
			results <- opened{c, err}
		}()
	}
	var lanes []carrier
	var failed error
	for range n {
		o := <-results
		if o.err != nil {
			failed = o.err
			continue
		}
		lanes = append(lanes, o.lane)
	}
	if failed != nil {
		for _, c := range lanes {
			c.cut()
		}
		return nil, fault(ctx, l.peer, failed)
	}
	return lanes, nil
}

// runLane sends parcels on c until there are no more, then finishes it. It
// returns nil also when the session is over.
func runLane(c carrier, s *session, p *packer, sent *atomic.Int64) error {
	defer s.after(c.cut)()
	var head []byte
	for {
		parcel, ok := p.take(s.done)
		if !ok {
			return c.finish()
		}
		if parcel == nil {
			return nil
		}
		head = appendChunkHeader(head[:0], parcel.header)
		for _, b := range [][]byte{head, parcel.payload} {
			n, err := c.Write(b)
			sent.Add(int64(n))
			if err != nil {
				return err
			}
		}
		p.free <- parcel
	}
}

// errNoSession means that a lane belongs to no session, or not to its number.
var errNoSession = errors.New("no session for this lane")

// serveLane reads the rest of a lane's header and feeds its chunks to the
// session it names. An error means that there is none.
func (e *Endpoint) serveLane(l *link, s *quic.ReceiveStream) error {
	token, serial, err := readLaneHeader(s)
	if err != nil {
		return err
	}
	in, ok := e.sessions.find(sessionKey{l.peer, token})
	if !ok || !in.claimLane(serial) {
		return fmt.Errorf("lane %d: %w", serial, errNoSession)
	}
	_ = s.SetReadDeadline(time.Time{}) // cannot fail
	in.feed(quicReader{s})
	return nil
}

// readLaneHeader reads what follows the kind.
func readLaneHeader(r io.Reader) (token bytes16, serial uint32, err error) {
	var b [laneHead - 2]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return bytes16{}, 0, noEOF(err)
	}
	return bytes16(b[:16]), binary.BigEndian.Uint32(b[16:]), nil
}

// readChunks takes chunks from r into w until r ends. It reads a payload only
// when w has room for it, so that a fast lane waits for the slow ones.
func readChunks(done <-chan struct{}, r io.Reader, w *window, count *atomic.Int64) error {
	dec, err := newDecoder()
	if err != nil {
		return err
	}
	defer dec.Close()
	var head [chunkHead]byte
	var payload []byte
	for {
		if _, err := io.ReadFull(r, head[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		h, err := parseChunkHeader(head[:])
		if err != nil {
			return err
		}
		if payload, err = readChunk(done, r, w, dec, h, payload, count); err != nil {
			return err
		}
	}
}

// readChunk takes the payload of h into w. It returns buf for the next one.
func readChunk(
	done <-chan struct{}, r io.Reader, w *window, dec *zstd.Decoder, h chunkHeader, buf []byte, count *atomic.Int64,
) ([]byte, error) {
	dst, err := w.admit(done, h.number)
	if err != nil {
		return buf, err
	}
	if cap(buf) < h.encoded {
		buf = make([]byte, maxChunk)
	}
	buf = buf[:h.encoded]
	if _, err := io.ReadFull(r, buf); err != nil {
		return buf, noEOF(err)
	}
	raw, err := unpack(dec, dst, h, buf)
	if err != nil {
		return buf, err
	}
	count.Add(int64(chunkHead + h.encoded)) // before anybody can see the end of the stream
	w.deliver(h.number, raw)
	return buf, nil
}
