package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/quic-go/quic-go"
)

// lane is the source's end of one lane.
type lane struct {
	stream *quic.SendStream
	data   *link // its own connection; nil if it shares the mesh connection
}

// openLanes opens n lanes at once, each on a connection of its own where that
// can be had. After an error nothing stays open.
func (e *Endpoint) openLanes(ctx context.Context, l *link, token bytes16, n int, own bool) ([]*lane, error) {
	type opened struct {
		lane *lane
		err  error
	}
	results := make(chan opened)
	for i := range n {
		go func() {
			la, err := e.openLane(ctx, l, token, i, own)
			results <- opened{la, err}
		}()
	}
	var lanes []*lane
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
		for _, la := range lanes {
			la.close()
		}
		return nil, fault(ctx, l.peer, failed)
	}
	return lanes, nil
}

func (e *Endpoint) openLane(ctx context.Context, l *link, token bytes16, number int, own bool) (*lane, error) {
	la, on := &lane{}, l
	if own {
		data, err := e.dialData(ctx, l)
		if err != nil {
			e.c.Log.Debug("lane shares the mesh connection", "peer", l.peer, "err", err)
		} else {
			la.data, on = data, data
		}
	}
	s, err := on.conn.OpenUniStreamSync(ctx)
	if err == nil {
		la.stream = s
		_, err = s.Write(laneHeader(token, number))
	}
	if err != nil {
		la.close()
		return nil, err
	}
	return la, nil
}

// run sends parcels until there are no more, then ends the lane properly. It
// returns nil also when the session is over.
func (la *lane) run(s *session, p *packer, sent *atomic.Int64) error {
	defer s.after(func() { la.stream.CancelWrite(quic.StreamErrorCode(CodeFailed)) })()
	var head []byte
	for {
		c, ok := p.take(s.done)
		if !ok {
			return la.stream.Close()
		}
		if c == nil {
			return nil
		}
		head = appendChunkHeader(head[:0], c.header)
		for _, b := range [][]byte{head, c.payload} {
			n, err := la.stream.Write(b)
			sent.Add(int64(n))
			if err != nil {
				return err
			}
		}
		p.free <- c
	}
}

// close gives the lane up unless it has ended, with its own connection.
func (la *lane) close() {
	if la.data != nil {
		la.data.close(CodeNone, "session over")
	} else if la.stream != nil {
		la.stream.CancelWrite(quic.StreamErrorCode(CodeFailed))
	}
}

// errNoSession means that a lane belongs to no session, or not to its number.
var errNoSession = errors.New("no session for this lane")

// serveLane reads the rest of a lane's header and feeds its chunks to the
// session it names. An error means that there is none.
func (e *Endpoint) serveLane(l *link, s *quic.ReceiveStream) error {
	token, number, err := readLaneHeader(s)
	if err != nil {
		return err
	}
	in, ok := e.sessions.find(sessionKey{l.peer, token})
	if !ok || !in.claimLane(number) {
		return fmt.Errorf("lane %d: %w", number, errNoSession)
	}
	_ = s.SetReadDeadline(time.Time{}) // cannot fail
	in.feed(s)
	return nil
}

// readLaneHeader reads what follows the kind.
func readLaneHeader(r io.Reader) (token bytes16, number int, err error) {
	var b [laneHead - 2]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return bytes16{}, 0, noEOF(err)
	}
	return bytes16(b[:16]), int(b[16]), nil
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
