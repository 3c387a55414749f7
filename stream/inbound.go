package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	blocks  *blocks
	window  *window
	intake  *intake
	begun   chan Begin
	heard   chan struct{} // closed when the source has said all
	end     atomic.Pointer[end]
	rest    []byte // of the chunk being read
	chunk   []byte // its block
	at      mark   // what was read
	readErr error  // sticky; io.EOF once everything agrees
	raw     atomic.Int64
	applied atomic.Int64
	ready   atomic.Bool // begin was read
	refused atomic.Bool // nothing more is worth reading
}

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
	in.blocks = e.blocks
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
		name: h.Name, offer: o, window: newWindow(), intake: newIntake(), at: newMark(),
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
			if err != io.EOF || !in.said.Load() || in.refused.Load() { //nolint:errorlint // receive returns io.EOF itself
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
		in.ready.Store(true)
		return b, nil
	case <-in.done:
		return Begin{}, fmt.Errorf("wait for begin: %w", in.cause())
	}
}

// Go lets the source send. From now on it hears about progress.
func (in *Inbound) Go(ctx context.Context) error {
	if !in.ready.Load() || !in.intake.start() {
		return fmt.Errorf("go: %w", ErrMisuse)
	}
	if err := in.send(ctx, progress{}); err != nil {
		return fmt.Errorf("go: %w", err)
	}
	in.tasks.Go(in.report)
	return nil
}

// feed takes chunks from a lane that was let in until it ends. Only nonsense ends
// the session with it: what a lane that breaks has lost comes on another one.
func (in *Inbound) feed(lane *incoming) {
	defer in.intake.leave(lane)
	defer in.after(lane.cut)()
	err := readChunks(lane, in.window, in.blocks)
	lane.cut() // does nothing to one that has ended
	switch {
	case errors.Is(err, ErrBadStream):
		in.reject(err)
	case in.refused.Load():
		in.strayed(io.ErrUnexpectedEOF) // the source has taken note
	}
}

// reject refuses the run at once because of what the source sent.
func (in *Inbound) reject(err error) {
	_ = in.lastWord(Refusal{Code: BadStream, Text: clip(err.Error(), maxText)}) // the source may be gone
	in.fail(err)
}

// Read yields the raw stream. It returns io.EOF only when the source has said
// that this is all, and bytes, chunks and XXH64 agree.
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
	in.blocks.put(in.chunk)
	in.chunk = nil
	chunk, err := in.window.take(in.done)
	switch {
	case err == nil:
		in.chunk, in.rest = chunk, chunk
		in.at = in.at.after(chunk)
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
	if in.at.digest() != e.XXH64 {
		return fmt.Errorf("XXH64 differs: %w", ErrBadStream)
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
	in.refused.Store(true)
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
	in.window.drop(in.blocks)
}

// Stats returns what was moved so far.
func (in *Inbound) Stats() Stats {
	s := Stats{
		RawBytes: in.raw.Load(), DataBytes: in.intake.bytes.Load(),
		MetaOutBytes: in.wire.out.Load(), MetaInBytes: in.wire.in.Load(),
	}
	var c crewStats
	c.quic, c.tcp, c.most = in.intake.count()
	s.addLanes(c)
	return s
}
