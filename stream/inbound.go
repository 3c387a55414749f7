package stream

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"btrmesh/certs"
)

// Inbound is the target's end of a session, in the hands of Handler.Receive:
//
//	Have → Begin → Go → Read… → Commit
//	Have → Commit                        if the offer says unchanged
//
// with Refuse in the place of any step. Methods belong to one goroutine, but
// Progress, Refuse and Stats, which any may call. After any error the session
// is over; errors are those of Outbound, ErrBadStream being the source's doing.
type Inbound struct {
	*session
	name    string
	offer   Offer
	window  *window
	begun   chan Begin
	heard   chan struct{} // closed when the source has said all
	end     atomic.Pointer[end]
	rest    []byte // of the chunk being read
	chunk   []byte // the same chunk, to be recycled
	hash    hash.Hash
	readErr error // sticky; io.EOF once everything agrees
	raw     atomic.Int64
	data    atomic.Int64
	applied atomic.Int64
	mu      sync.Mutex
	lanes   []bool // claimed; empty before Go
}

// reportEvery is how often the source hears of progress, or of none.
const reportEvery = time.Second

// farewellTime is how long the target waits for the source to take note of
// its last word.
const farewellTime = 5 * time.Second

// serveSession serves one run as its target.
func (e *Endpoint) serveSession(ctx context.Context, l *link, w *wire) error {
	h, err := next[hello](w)
	if err != nil {
		return err
	}
	o, err := next[Offer](w)
	if err != nil {
		return err
	}
	if !h.Protocol.meets(Protocol()) {
		return w.send(Refusal{Code: ProtocolMismatch, Text: (&ProtocolError{Ours: Protocol(), Theirs: h.Protocol}).Error()})
	}
	_ = w.stream.SetReadDeadline(time.Time{}) // cannot fail
	in, ctx := newInbound(ctx, l.peer, w, h, o)
	key := sessionKey{l.peer, h.Token}
	if !e.sessions.add(key, in) {
		in.fail(ErrClosed)
		return fmt.Errorf("session token used twice: %w", ErrBadStream)
	}
	defer e.sessions.remove(key)
	in.tasks.Go(in.listen)
	e.c.Handler.Receive(ctx, in)
	in.settle()
	return nil
}

func newInbound(ctx context.Context, peer certs.ID, w *wire, h hello, o Offer) (*Inbound, context.Context) {
	in := &Inbound{
		name: h.Name, offer: o, window: newWindow(), hash: sha256.New(),
		begun: make(chan Begin, 1), heard: make(chan struct{}),
	}
	in.session, ctx = newSession(ctx, peer, w)
	return in, ctx
}

// next receives the frame that must carry a T.
func next[T message](w *wire) (T, error) {
	f, err := w.receive()
	if err != nil {
		var none T
		return none, noEOF(err)
	}
	return parse[T](f)
}

// listen reads the meta stream until the source has said all.
func (in *Inbound) listen() {
	defer close(in.heard)
	for {
		f, err := in.wire.receive()
		if err != nil {
			if err != io.EOF || !in.said.Load() { //nolint:errorlint // receive returns io.EOF itself
				in.broken(err)
			}
			return
		}
		if err := in.hear(f); err != nil {
			in.reject(err)
		}
		if in.cause() != nil {
			return
		}
	}
}

// hear takes in one frame of the source.
func (in *Inbound) hear(f frame) error {
	//exhaustive:ignore
	switch f.kind {
	case typeBegin:
		b, err := parse[Begin](f)
		if err != nil {
			return err
		}
		select {
		case in.begun <- b:
			return nil
		default:
			return fmt.Errorf("second begin: %w", ErrBadStream)
		}
	case typeEnd:
		e, err := parse[end](f)
		if err != nil {
			return err
		}
		in.end.CompareAndSwap(nil, &e)
		return in.window.end(e.Chunks)
	default:
		in.aborted(f)
		return nil
	}
}

// Peer returns the source.
func (in *Inbound) Peer() certs.ID { return in.peer }

// PeerName returns the source's name as it says itself: foreign text.
func (in *Inbound) PeerName() string { return in.name }

// Offer returns what the source would send: foreign, bounded in length only.
func (in *Inbound) Offer() Offer { return in.offer }

// Have answers the offer.
func (in *Inbound) Have(ctx context.Context, h Have) error {
	if err := h.check(); err != nil {
		return fmt.Errorf("answer offer: %w", err)
	}
	if err := in.send(ctx, h); err != nil {
		return fmt.Errorf("answer offer: %w", err)
	}
	return nil
}

// Begin waits until the source announces its stream.
func (in *Inbound) Begin(ctx context.Context) (Begin, error) {
	defer in.during(ctx)()
	select {
	case b := <-in.begun:
		in.mu.Lock()
		defer in.mu.Unlock()
		in.lanes = make([]bool, 0, b.Lanes)
		return b, nil
	case <-in.done:
		return Begin{}, fmt.Errorf("wait for begin: %w", in.cause())
	}
}

// Go lets the source send. From now on it hears about progress once a second.
func (in *Inbound) Go(ctx context.Context) error {
	if !in.openLanes() {
		return fmt.Errorf("go: %w", ErrMisuse)
	}
	if err := in.send(ctx, progress{}); err != nil {
		return fmt.Errorf("go: %w", err)
	}
	in.tasks.Go(in.report)
	return nil
}

func (in *Inbound) openLanes() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if cap(in.lanes) == 0 || len(in.lanes) > 0 {
		return false
	}
	in.lanes = in.lanes[:cap(in.lanes)]
	in.window.expect(len(in.lanes))
	return true
}

// claimLane says whether lane n may deliver: announced, and not there yet.
func (in *Inbound) claimLane(n uint32) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if int64(n) >= int64(len(in.lanes)) || in.lanes[n] {
		return false
	}
	in.lanes[n] = true
	return true
}

// feed reads lane s until it ends.
func (in *Inbound) feed(s laneReader) {
	defer in.after(s.cut)()
	err := readChunks(in.done, s, in.window, &in.data)
	switch {
	case err == nil:
		in.window.laneEnded()
	case errors.Is(err, ErrBadStream):
		in.reject(err)
	default:
		in.strayed(err)
	}
}

// reject refuses the run at once because of what the source sent.
func (in *Inbound) reject(err error) {
	_ = in.lastWord(Refusal{Code: BadStream, Text: clip(err.Error(), maxText)}) // the source may be gone
	in.fail(err)
}

// report tells the source once a second how far this side is.
func (in *Inbound) report() {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		select {
		case <-in.done:
			return
		case <-tick.C:
		}
		if in.said.Load() {
			return
		}
		if err := in.wire.send(in.progress()); err != nil && !in.said.Load() {
			in.fail(lost(in.peer, err))
		}
	}
}

func (in *Inbound) progress() progress {
	chunks, starved := in.window.state()
	return progress{Applied: in.applied.Load(), Chunks: chunks, Starved: starved}
}

// Read yields the raw stream. It returns io.EOF only when the source has said
// that this is all, and bytes, chunks and SHA-256 agree.
func (in *Inbound) Read(p []byte) (int, error) {
	for len(in.rest) == 0 && in.readErr == nil {
		in.readErr = in.refill()
	}
	if in.readErr != nil {
		return 0, in.readErr
	}
	n := copy(p, in.rest)
	in.rest = in.rest[n:]
	return n, nil
}

func (in *Inbound) refill() error {
	if in.chunk != nil {
		in.window.recycle(in.chunk)
		in.chunk = nil
	}
	chunk, err := in.window.take(in.done)
	switch {
	case err == nil:
		in.chunk, in.rest = chunk, chunk
		in.hash.Write(chunk)
		in.raw.Add(int64(len(chunk)))
		return nil
	case errors.Is(err, ErrClosed):
		return fmt.Errorf("read stream: %w", in.cause())
	case err == io.EOF: //nolint:errorlint // take returns io.EOF itself
		if err = in.verify(); err == nil {
			return io.EOF
		}
	}
	in.reject(err)
	return fmt.Errorf("read stream: %w", err)
}

// verify compares what came with what the source says it sent.
func (in *Inbound) verify() error {
	e := in.end.Load()
	if got := in.raw.Load(); got != e.Bytes {
		return fmt.Errorf("%d bytes instead of %d: %w", got, e.Bytes, ErrBadStream)
	}
	if !slices.Equal(in.hash.Sum(nil), e.SHA256[:]) {
		return fmt.Errorf("SHA-256 differs: %w", ErrBadStream)
	}
	return nil
}

// Progress tells how many bytes of the raw stream have been applied. It is
// cheap; the source hears of it within a second.
func (in *Inbound) Progress(applied int64) { in.applied.Store(applied) }

// Applied returns what Progress was last told.
func (in *Inbound) Applied() int64 { return in.applied.Load() }

// Commit tells the source that the snapshot is durable and visible. It must
// follow the io.EOF of Read, or Have after an unchanged offer. A zero
// c.Snapshot is that of the offer. An error leaves open whether the source
// knows: its next offer settles it.
func (in *Inbound) Commit(ctx context.Context, c Committed) error {
	if in.readErr != io.EOF && !in.offer.Unchanged { //nolint:errorlint // refill sets io.EOF itself
		return fmt.Errorf("commit: %w", ErrMisuse)
	}
	defer in.during(ctx)()
	c.Unchanged = in.offer.Unchanged
	if c.Snapshot.IsZero() {
		c.Snapshot = in.offer.Snapshot
	}
	if err := in.lastWord(in.progress(), c); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Refuse ends the session with a reason. It works also after ctx or the
// session has failed on this side, and fails if either side has ended it.
func (in *Inbound) Refuse(_ context.Context, code RefusalCode, text string, facts ...string) error {
	if err := in.lastWord(Refusal{Code: code, Text: text, Facts: facts}.bounded()); err != nil {
		return fmt.Errorf("refuse: %w", err)
	}
	return nil
}

// settle ends the session after Receive: an unspoken last word is an abort.
// It waits a while for the source to take note.
func (in *Inbound) settle() {
	_ = in.lastWord(farewell(in.cause())) // usually spoken before
	select {
	case <-in.heard:
	case <-in.done:
	case <-time.After(farewellTime):
	}
	in.fail(ErrClosed)
	in.tasks.Wait()
}

// Stats returns the bytes moved so far.
func (in *Inbound) Stats() Stats {
	in.mu.Lock()
	lanes := len(in.lanes)
	in.mu.Unlock()
	return Stats{
		RawBytes: in.raw.Load(), DataBytes: in.data.Load(),
		MetaOutBytes: in.wire.out.Load(), MetaInBytes: in.wire.in.Load(), Lanes: lanes,
	}
}
