package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/quic-go/quic-go"
)

// errNoSession means that a lane belongs to no session, or that the session will
// not have it.
var errNoSession = errors.New("no session for this lane")

// serveLane reads the rest of a lane's header and feeds its chunks to the
// session it names. An error means that there is none.
func (e *Endpoint) serveLane(l *link, s *quic.ReceiveStream) error {
	token, serial, err := readLaneHeader(s)
	if err != nil {
		return err
	}
	in, lane, err := e.letIn(sessionKey{l.peer, token}, serial, quicReader{s})
	if err != nil {
		return err
	}
	_ = s.SetReadDeadline(time.Time{}) // cannot fail
	in.feed(lane)
	return nil
}

// letIn finds the session of a lane and makes it one of its lanes. The error
// wraps errNoSession.
func (e *Endpoint) letIn(k sessionKey, serial uint32, r laneReader) (*Inbound, *incoming, error) {
	in, ok := e.sessions.find(k)
	if !ok {
		return nil, nil, fmt.Errorf("lane %d: %w", serial, errNoSession)
	}
	lane, err := in.intake.admit(serial, r)
	return in, lane, err
}

// readLaneHeader reads what follows the kind.
func readLaneHeader(r io.Reader) (token bytes16, serial uint32, err error) {
	var b [laneHead - 2]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return bytes16{}, 0, noEOF(err)
	}
	return bytes16(b[:16]), binary.BigEndian.Uint32(b[16:]), nil
}

// chunkReader takes the chunks of one lane into a window. It never waits for
// the window: the source keeps to it. A chunk is read into memory of the lane's
// own, as it may come twice, on lanes at once.
type chunkReader struct {
	r      io.Reader
	window *window
	blocks *blocks
	dec    *zstd.Decoder
	head   [chunkHead]byte
}

// readChunks takes chunks from r into w until r ends, which is no error. An
// error wraps ErrBadStream if it is the source's doing.
func readChunks(r io.Reader, w *window, b *blocks) error {
	dec, err := newDecoder()
	if err != nil {
		return err
	}
	defer dec.Close()
	c := chunkReader{r: r, window: w, blocks: b, dec: dec}
	for {
		if err := c.next(); err == io.EOF { //nolint:errorlint // next returns io.EOF itself
			return nil
		} else if err != nil {
			return err
		}
	}
}

// next takes one chunk. io.EOF means that the lane has ended before it.
func (c *chunkReader) next() error {
	if _, err := io.ReadFull(c.r, c.head[:]); err != nil {
		return err
	}
	h, err := parseChunkHeader(c.head[:])
	if err != nil {
		return err
	}
	wanted, err := c.window.wants(h.number)
	if err != nil {
		return err
	}
	if !wanted {
		_, err := io.CopyN(io.Discard, c.r, int64(h.encoded))
		return noEOF(err)
	}
	raw, err := c.read(h)
	if err != nil {
		return err
	}
	if !c.window.deliver(h.number, raw) {
		c.blocks.put(raw)
	}
	return nil
}

// read returns the content of the chunk that h announces, in a block.
func (c *chunkReader) read(h chunkHeader) ([]byte, error) {
	payload := c.blocks.get(h.encoded)[:h.encoded]
	if _, err := io.ReadFull(c.r, payload); err != nil {
		c.blocks.put(payload)
		return nil, noEOF(err)
	}
	if h.encoding == encodingRaw {
		return c.checked(h, payload)
	}
	defer c.blocks.put(payload)
	return c.unpacked(h, payload)
}

// checked returns raw if it is what h announces.
func (c *chunkReader) checked(h chunkHeader, raw []byte) ([]byte, error) {
	if err := checkChunk(h, raw); err != nil {
		c.blocks.put(raw)
		return nil, err
	}
	return raw, nil
}

func (c *chunkReader) unpacked(h chunkHeader, payload []byte) ([]byte, error) {
	block := c.blocks.get(h.raw)
	raw, err := unpack(c.dec, block, h, payload)
	if err != nil {
		c.blocks.put(block)
		return nil, err
	}
	return block[:len(raw)], nil // with all its room
}
