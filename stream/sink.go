package stream

import (
	"fmt"
	"io"
	"sync"
	"time"

	"btrmesh/certs"
)

// A sink throws away what a member sends, and counts it. On a stream of kind
// sink, or a cable of that kind:
//
//	asker   bytes, until it closes its direction
//	asked   sunk                                   or refused: one at a time
const (
	maxMeasure = 10 * time.Second
	sinkTime   = 2*maxMeasure + 10*time.Second // what was sent in time may come late
	maxSunk    = 1 << 40                       // bytes
	sinkBuffer = 256 << 10                     // bytes
)

// sinkHeader is what a sink begins with.
func sinkHeader() []byte { return []byte{protocolVersion, byte(kindSink)} }

// sunk says what a sink has taken: asked → asker, <= 64 B.
type sunk struct {
	Bytes int64         `cbor:"1,keyasint"`
	Took  time.Duration `cbor:"2,keyasint"` // from the first byte to the end, ns
}

func (sunk) frameType() frameType { return typeSunk }

func (s sunk) check() error {
	if s.Bytes < 0 || s.Bytes > maxSunk || s.Took < 0 || s.Took > sinkTime {
		return fmt.Errorf("%d bytes in %v", s.Bytes, s.Took)
	}
	return nil
}

// sinks are the peers that are being served. Safe for concurrent use.
type sinks struct {
	mu   sync.Mutex
	busy map[certs.ID]bool
}

func newSinks() *sinks { return &sinks{busy: make(map[certs.ID]bool)} }

// enter says whether peer may sink something now; leave ends that.
func (s *sinks) enter(peer certs.ID) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[peer] {
		return nil, false
	}
	s.busy[peer] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.busy, peer)
	}, true
}

// serveSink serves a stream of kind sink.
func (e *Endpoint) serveSink(peer certs.ID, w *wire) error {
	leave, ok := e.sinks.enter(peer)
	if !ok {
		return w.send(Refusal{Code: Busy, Text: "another measurement is under way"})
	}
	defer leave()
	_ = w.stream.SetReadDeadline(time.Now().Add(sinkTime)) // cannot fail
	s, err := sinkAll(w.stream)
	if err != nil {
		return err
	}
	return w.send(s)
}

// serveCableSink serves a cable of kind sink.
func (e *Endpoint) serveCableSink(c *cable) error {
	leave, ok := e.sinks.enter(c.peer)
	if !ok {
		return c.answer(CodeCrowded)
	}
	defer leave()
	if err := c.answer(CodeNone); err != nil {
		return err
	}
	if err := c.raw.SetDeadline(time.Now().Add(sinkTime)); err != nil {
		return err
	}
	s, err := sinkAll(c)
	if err != nil {
		return err
	}
	b, err := appendFrame(nil, s)
	if err != nil {
		return err
	}
	return c.sayLast(b)
}

// sinkAll reads r to its end.
func sinkAll(r io.Reader) (s sunk, err error) {
	var begun time.Time
	for buf := make([]byte, sinkBuffer); err == nil && s.Bytes <= maxSunk; {
		var n int
		n, err = r.Read(buf)
		if begun.IsZero() && n > 0 {
			begun = time.Now()
		}
		s.Bytes += int64(n)
	}
	if err == io.EOF { //nolint:errorlint // Read returns io.EOF itself
		err = nil
	}
	if !begun.IsZero() {
		s.Took = time.Since(begun)
	}
	if err == nil {
		err = s.check()
	}
	return s, err
}
