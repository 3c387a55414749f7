package stream

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"hash"
	"sync"
	"sync/atomic"
	"time"

	"btrmesh/certs"
)

// smallRun is up to how many estimated bytes one lane on the mesh connection
// does: dialling for less costs more than it brings.
const smallRun = 4 << 20

// Outbound is the source's end of a session: Begin, Write…, End, and Close in
// any case. The caller uses it from one goroutine; Abort, Applied and Stats
// may be called from others.
//
// After any error the session is over. The error wraps *Refusal if the target
// said no or aborted, ErrLost if the connection broke, ErrStalled, ErrGoodbye,
// *RemovedError, ErrBadStream if the target does not keep to the protocol, or
// is the end of a context.
type Outbound struct {
	*session
	endpoint *Endpoint
	link     *link
	release  func() // of link; nil once closed
	offer    Offer
	token    bytes16
	replies  chan frame // have and committed, for whoever waits
	granted  chan struct{}
	lanes    []carrier
	width    atomic.Int64  // how many lanes
	carried  chan struct{} // closed when all lanes have ended
	packer   *packer
	hash     hash.Hash
	raw      atomic.Int64
	data     atomic.Int64
	stall    stall
	ending   atomic.Bool
}

// Offer opens a session with peer as its source and returns the target's
// answer. It dials if there is no connection. ctx governs the whole session,
// not only this call. The error wraps *Refusal when the target refuses,
// *UnreachableError, *RemovedError, *ProtocolError, certs.ErrNotMember or
// ErrClosed when there is no connection, else see Outbound.
func (e *Endpoint) Offer(ctx context.Context, peer certs.ID, o Offer) (*Outbound, Have, error) {
	var out *Outbound
	var have Have
	err := o.check()
	if err == nil {
		err = e.onSettled(ctx, peer, func(l *link) error {
			var err error
			out, have, err = e.offer(ctx, l, o)
			return err
		})
	}
	if err != nil {
		return nil, Have{}, fmt.Errorf("offer %s to %s: %w", o.Share, peer.Short(), err)
	}
	return out, have, nil
}

func (e *Endpoint) offer(ctx context.Context, l *link, o Offer) (*Outbound, Have, error) {
	w, err := openWire(ctx, l, kindSession)
	if err != nil {
		return nil, Have{}, err
	}
	out := &Outbound{
		endpoint: e, link: l, release: l.hold(), offer: o,
		replies: make(chan frame), granted: make(chan struct{}), carried: make(chan struct{}), hash: sha256.New(),
	}
	_, _ = rand.Read(out.token[:]) // never fails
	out.session, ctx = newSession(ctx, l.peer, w)
	out.tasks.Go(func() { out.listen(ctx) })
	var have Have
	if err = out.wire.send(e.hello(out.token), o); err == nil {
		have, err = reply[Have](ctx, out)
	}
	if err != nil {
		out.fail(lost(l.peer, err))
		defer out.Close()
		return nil, Have{}, out.cause()
	}
	return out, have, nil
}

// listen reads the meta stream until the target's last word.
func (o *Outbound) listen(ctx context.Context) {
	for {
		f, err := o.wire.receive()
		if err != nil {
			o.broken(err)
			return
		}
		//exhaustive:ignore
		switch f.kind {
		case typeProgress:
			o.progress(f)
		case typeHave, typeCommitted:
			select {
			case o.replies <- f:
			case <-ctx.Done():
			}
		default:
			o.aborted(f)
		}
		if f.kind == typeCommitted || ctx.Err() != nil {
			return
		}
	}
}

func (o *Outbound) progress(f frame) {
	p, err := parse[progress](f)
	if err != nil {
		o.broken(err)
		return
	}
	o.stall.seen(time.Now(), p)
	select {
	case <-o.granted:
	default:
		close(o.granted) // only listen does
	}
}

// reply waits for the target's next answer, which must be a T.
func reply[T message](ctx context.Context, o *Outbound) (T, error) {
	defer o.during(ctx)()
	select {
	case f := <-o.replies:
		m, err := parse[T](f)
		if err != nil {
			o.broken(err)
			return m, o.cause()
		}
		return m, nil
	case <-o.done:
		var none T
		return none, o.cause()
	}
}

// Begin announces the raw stream, opens the lanes and waits for the target's
// go. b.Lanes zero takes two; a small stream gets one lane.
func (o *Outbound) Begin(ctx context.Context, b Begin) error {
	if err := o.begin(ctx, b); err != nil {
		return fmt.Errorf("begin %s: %w", o.offer.Share, err)
	}
	return nil
}

func (o *Outbound) begin(ctx context.Context, b Begin) error {
	if o.packer != nil || o.offer.Unchanged {
		return ErrMisuse
	}
	var own bool
	b.Lanes, own = planLanes(b)
	if err := b.check(); err != nil {
		return err
	}
	defer o.during(ctx)()
	o.packer = newPacker(b.Lanes, workers())
	if err := o.send(ctx, b); err != nil {
		return err
	}
	select {
	case <-o.granted:
	case <-o.done:
		return o.cause()
	}
	return o.start(ctx, b.Lanes, own)
}

// planLanes returns how many lanes b gets, and whether on own connections.
func planLanes(b Begin) (lanes int, own bool) {
	if b.EstimateBytes > 0 && b.EstimateBytes <= smallRun {
		return 1, false
	}
	if b.Lanes == 0 {
		return defaultLanes, true
	}
	return b.Lanes, true
}

// start opens the lanes and starts what feeds them. All of it ends with the
// session.
func (o *Outbound) start(ctx context.Context, n int, own bool) error {
	ctx, cancel := o.bounded(ctx)
	defer cancel()
	var err error
	if o.lanes, err = o.endpoint.openLanes(ctx, o.link, o.token, n, own); err != nil {
		o.fail(err)
		return o.cause()
	}
	o.width.Store(int64(n))
	o.stall.seen(time.Now(), progress{})
	for range o.packer.workers {
		o.tasks.Go(o.compress)
	}
	o.tasks.Go(o.carry)
	o.tasks.Go(o.watch)
	return nil
}

// compress is one worker.
func (o *Outbound) compress() {
	enc, err := newEncoder()
	if err != nil {
		o.fail(err)
		return
	}
	o.packer.compress(o.done, func(c *parcel, l level) level { return c.pack(enc, l) })
}

// carry runs the lanes and reports when all have ended.
func (o *Outbound) carry() {
	var running sync.WaitGroup
	for _, c := range o.lanes {
		running.Go(func() {
			if err := runLane(c, o.session, o.packer, &o.data); err != nil {
				o.strayed(err)
			}
		})
	}
	running.Wait()
	close(o.carried)
}

// watch is the watchdog.
func (o *Outbound) watch() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-o.done:
			return
		case now := <-tick.C:
			if o.stall.stuck(now, o.packer.sent.Load(), o.ending.Load()) {
				o.fail(ErrStalled)
			}
		}
	}
}

// Write sends a part of the raw stream. It blocks while the target is behind
// and does not keep p.
func (o *Outbound) Write(p []byte) (int, error) {
	if o.lanes == nil || o.ending.Load() {
		return 0, fmt.Errorf("send %s: %w", o.offer.Share, ErrMisuse)
	}
	n := o.packer.write(o.done, p)
	o.hash.Write(p[:n])
	o.raw.Add(int64(n))
	if err := o.cause(); err != nil {
		return n, fmt.Errorf("send %s: %w", o.offer.Share, err)
	}
	return n, nil
}

// End closes the raw stream and waits until the target has committed: the one
// proof of success. After an unchanged offer it only waits.
func (o *Outbound) End(ctx context.Context) (Committed, error) {
	c, err := o.finish(ctx)
	if err != nil {
		return Committed{}, fmt.Errorf("commit %s: %w", o.offer.Share, err)
	}
	return c, nil
}

func (o *Outbound) finish(ctx context.Context) (Committed, error) {
	if o.ending.Swap(true) || o.lanes == nil && !o.offer.Unchanged {
		return Committed{}, ErrMisuse
	}
	defer o.during(ctx)()
	if !o.offer.Unchanged {
		if err := o.flush(ctx); err != nil {
			return Committed{}, err
		}
	}
	c, err := reply[Committed](ctx, o)
	if err != nil {
		return Committed{}, err
	}
	if c.Snapshot != o.offer.Snapshot {
		o.fail(fmt.Errorf("committed %s instead of %s: %w", c.Snapshot, o.offer.Snapshot, ErrBadStream))
		return Committed{}, o.cause()
	}
	o.said.Store(true)
	o.wire.finish()
	return c, nil
}

// flush waits until the lanes have sent everything, then sends the totals.
func (o *Outbound) flush(ctx context.Context) error {
	o.packer.close()
	select {
	case <-o.carried:
	case <-o.done:
		return o.cause()
	}
	return o.send(ctx, end{Bytes: o.raw.Load(), Chunks: o.packer.next, SHA256: bytes32(o.hash.Sum(nil))})
}

// Abort tells the target to give the run up, and why. It does nothing once
// the session has ended or the target has committed.
func (o *Outbound) Abort(code RefusalCode, text string) {
	_ = o.lastWord(abort{Code: code, Text: clip(text, maxText)}) // the target may be gone
	o.fail(ErrClosed)
}

// Close releases the session and waits for its goroutines. If neither side has
// ended it, the target is told to give up. Calling it again does nothing.
func (o *Outbound) Close() {
	if o.release == nil {
		return
	}
	a := farewell(o.cause())
	o.Abort(a.Code, a.Text)
	o.wire.finish()
	o.tasks.Wait()
	for _, c := range o.lanes {
		c.cut()
	}
	o.release()
	o.release = nil
}

// Applied returns how many bytes of the raw stream the target has applied, as
// it last said.
func (o *Outbound) Applied() int64 { return o.stall.appliedBytes() }

// Stats returns the bytes moved so far.
func (o *Outbound) Stats() Stats {
	s := Stats{
		RawBytes: o.raw.Load(), DataBytes: o.data.Load(),
		MetaOutBytes: o.wire.out.Load(), MetaInBytes: o.wire.in.Load(), Lanes: int(o.width.Load()),
	}
	if s.Lanes > 0 {
		s.Chunks = o.packer.chunks() // width was stored after packer
	}
	return s
}
