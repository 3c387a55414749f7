package stream

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"time"

	"btrmesh/certs"
)

// smallRun is up to how many estimated bytes one lane on the mesh connection
// does: dialling for less costs more than it brings.
const smallRun = 4 << 20

// Outbound is the source's end of a session: Begin, Write… or Follow, End, and
// Close in any case. The caller uses it from one goroutine; Abort, Applied and
// Stats may be called from others.
//
// After any error but *BehindError the session is over. The error wraps *Refusal
// if the target said no or aborted, ErrLost if the mesh connection broke,
// ErrStalled, *NoTCPError, *NoUDPError, ErrGoodbye, *RemovedError, ErrBadStream if the target does not
// keep to the protocol, or is the end of a context. Lanes that break are
// replaced; no error comes of it.
type Outbound struct {
	*session
	endpoint *Endpoint
	link     *link
	release  func() // of link; nil once closed
	offer    Offer
	token    bytes16
	replies  chan frame // have and committed, for whoever waits
	granted  chan struct{}
	rates    []*Rate
	crew     *crew // nil before Begin
	queue    *queue
	feed     *Feed  // the session's own; nil before Write, or if it follows another one
	again    *again // nil: the stream is written for the first time
	followed bool
	begun    atomic.Bool // crew may be looked at
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
		replies: make(chan frame), granted: make(chan struct{}),
	}
	_, _ = rand.Read(out.token[:]) // never fails
	out.session, ctx = newSession(ctx, l.peer, w)
	out.queue = newQueue(reach(usualLanes, 0), out.fail)
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
	if err == nil {
		err = o.acknowledged(p)
	}
	if err != nil {
		o.broken(err)
	}
}

// acknowledged takes in how far the target is. Its first report is its go.
func (o *Outbound) acknowledged(p progress) error {
	now := time.Now()
	o.stall.seen(now, p)
	select {
	case <-o.granted:
	default:
		close(o.granted) // only listen does
	}
	if err := o.queue.ack(p); err != nil || !o.begun.Load() {
		return err
	}
	return o.crew.report(now, p)
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

// Limit makes the session's lanes keep to rates, all of them. It must be called
// before Begin.
func (o *Outbound) Limit(rates ...*Rate) { o.rates = rates }

// Begin announces the raw stream, waits for the target's go and begins to open
// lanes. A small stream gets one on the mesh connection.
func (o *Outbound) Begin(ctx context.Context, b Begin) error {
	if err := o.begin(ctx, b); err != nil {
		return fmt.Errorf("begin %s: %w", o.offer.Share, err)
	}
	return nil
}

func (o *Outbound) begin(ctx context.Context, b Begin) error {
	if o.crew != nil || o.offer.Unchanged {
		return ErrMisuse
	}
	if err := b.check(); err != nil {
		return err
	}
	defer o.during(ctx)()
	if o.blocked(b) {
		o.fail(&NoUDPError{Peer: o.peer})
		return o.cause()
	}
	o.crew = o.newCrew(b)
	if err := o.send(ctx, b); err != nil {
		return err
	}
	select {
	case <-o.granted:
	case <-o.done:
		return o.cause()
	}
	o.start(ctx)
	return nil
}

// small says whether the stream shares the mesh connection.
func (b Begin) small() bool { return b.EstimateBytes > 0 && b.EstimateBytes <= smallRun }

// blocked says whether the stream needs lanes that are not to be had.
func (o *Outbound) blocked(b Begin) bool {
	return o.link.tunnelled() && !b.small() && o.endpoint.lanePolicy(o.peer) == LanesQUIC
}

// newCrew says which lanes a stream gets: one on the mesh connection if it is
// small, else as many as it turns out to need.
func (o *Outbound) newCrew(b Begin) *crew {
	c := newCrew(o.queue, o.endpoint.c.Log, o.done, o.rates)
	c.rtt = func() time.Duration { return o.link.conn.ConnectionStats().SmoothedRTT }
	if b.small() {
		c.want = wish{quic: 1, reason: "quic: a small run shares the mesh connection"}
		if o.link.tunnelled() {
			c.want.reason += ", through tcp: " + errNoUDP.Error()
		}
		c.open = func(ctx context.Context, serial uint32, _ LaneKind, _ bool) (carrier, error) {
			return shareLane(ctx, o.link, o.token, serial)
		}
		return c
	}
	c.open = func(ctx context.Context, serial uint32, kind LaneKind, plain bool) (carrier, error) {
		return o.endpoint.dialLane(ctx, o.link, o.token, serial, kind, plain)
	}
	c.steer = o.endpoint.pilot(o.link)
	if c.steer.policy == LanesTCP {
		c.hopeless = func(err error) { o.fail(err) }
	}
	now := time.Now()
	c.want = c.steer.step(sample{now: now, told: now})
	return c
}

// start runs the lanes and the watchdog. They end with the session.
func (o *Outbound) start(ctx context.Context) {
	now := time.Now()
	o.crew.rolled = now
	o.stall.seen(now, progress{})
	o.begun.Store(true)
	ctx, cancel := o.bounded(ctx)
	o.tasks.Go(func() {
		defer cancel()
		o.crew.run(ctx)
	})
	o.tasks.Go(o.watch)
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
			if o.stall.stuck(now, o.queue.waiting() || o.ending.Load()) {
				o.fail(ErrStalled)
			}
		}
	}
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
	if o.feed != nil {
		o.feed.Abort(ErrClosed)
	}
	o.tasks.Wait()
	o.queue.discard()
	o.release()
	o.release = nil
}

// Applied returns how many bytes of the raw stream the target has applied, as
// it last said.
func (o *Outbound) Applied() int64 { return o.stall.appliedBytes() }

// Stats returns what was moved so far.
func (o *Outbound) Stats() Stats {
	to, _, _, _ := o.queue.handed()
	s := Stats{
		RawBytes: to.bytes, MetaOutBytes: o.wire.out.Load(), MetaInBytes: o.wire.in.Load(), Chunks: o.queue.chunks(),
	}
	if o.begun.Load() {
		s.addLanes(o.crew.stats())
		s.DataBytes = o.crew.data.Load()
	}
	return s
}
