package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"btrmesh/certs"
)

// serve accepts what the peer opens on l until l closes, and returns when all
// of it has been dealt with. ctx carries values only.
func (e *Endpoint) serve(ctx context.Context, l *link) {
	defer e.conns.remove(l)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer l.whenClosed(func() {
		e.hearRefusal(lost(l.peer, l.cause()))
		cancel(lost(l.peer, l.cause()))
	})()
	var streams sync.WaitGroup
	streams.Go(func() { e.acceptOneWay(ctx, l, &streams) })
	streams.Go(func() { e.acceptPackets(ctx, l) })
	if l.dialled {
		streams.Go(func() { e.settle(ctx, l) })
	}
	e.acceptStreams(ctx, l, &streams)
	streams.Wait()
}

func (e *Endpoint) acceptStreams(ctx context.Context, l *link, streams *sync.WaitGroup) {
	for {
		s, err := l.conn.AcceptStream(ctx)
		if err != nil || e.stillMember(l) != nil {
			return
		}
		streams.Go(func() {
			defer l.hold()()
			e.serveStream(ctx, l, s)
		})
	}
}

func (e *Endpoint) acceptOneWay(ctx context.Context, l *link, streams *sync.WaitGroup) {
	for {
		s, err := l.conn.AcceptUniStream(ctx)
		if err != nil || e.stillMember(l) != nil {
			return
		}
		streams.Go(func() {
			defer l.hold()()
			e.serveOneWay(l, s)
		})
	}
}

// serveOneWay reads what a unidirectional stream is for and serves it.
func (e *Endpoint) serveOneWay(l *link, s *quic.ReceiveStream) {
	_ = s.SetReadDeadline(time.Now().Add(firstWords)) // cannot fail
	kind, err := readKind(s)
	switch {
	case err == nil && kind == kindLane:
		err = e.serveLane(l, s)
	case err == nil && kind == kindPacket:
		err = e.serveLargePacket(l, s)
	case err == nil:
		err = fmt.Errorf("one-way stream of kind %d: %w", kind, ErrBadStream)
	}
	if err != nil {
		s.CancelRead(quic.StreamErrorCode(codeOf(err)))
		e.c.Log.Debug("stream refused", "peer", l.peer, "kind", int(kind), "err", err)
	}
}

// codeOf says on a stream why it was not read to its end.
func codeOf(err error) uint64 {
	if errors.Is(err, errNoSession) {
		return CodeUnknown
	}
	return CodeProtocol
}

// serveStream reads what a stream is for and serves it.
func (e *Endpoint) serveStream(ctx context.Context, l *link, s *quic.Stream) {
	w := newWire(s)
	if err := s.SetReadDeadline(time.Now().Add(firstWords)); err != nil {
		return
	}
	kind, err := readKind(s)
	if err == nil {
		err = e.dispatch(ctx, l, w, kind)
	}
	if err == nil {
		w.finish()
		s.CancelRead(quic.StreamErrorCode(CodeNone))
		return
	}
	w.abandon(CodeProtocol)
	e.c.Log.Debug("stream refused", "peer", l.peer, "kind", int(kind), "err", err)
}

func (e *Endpoint) dispatch(ctx context.Context, l *link, w *wire, kind streamKind) error {
	greeted := l.greeted.Load() != nil
	switch {
	case kind == kindGreet && !l.dialled && !greeted:
		return e.serveGreet(l, w)
	case kind == kindSink:
		return e.serveSink(l.peer, w)
	case kind == kindRecords && greeted:
		return e.serveRecords(ctx, l, w)
	case kind == kindGossip && greeted:
		return e.serveGossip(ctx, l, w.stream)
	case kind == kindQuery && greeted:
		return e.serveSettled(ctx, l, w, e.serveQuery)
	case kind == kindSession && greeted:
		return e.serveSettled(ctx, l, w, e.serveSession)
	default:
		return fmt.Errorf("stream of kind %d: %w", kind, ErrBadStream)
	}
}

// serveSettled serves a stream once the records of both ends are compared.
// Until then nothing of it but its kind is read.
func (e *Endpoint) serveSettled(
	ctx context.Context, l *link, w *wire, serve func(context.Context, *link, *wire) error,
) error {
	err := e.awaitRecords(ctx, l)
	if isRefusal(err) {
		return w.send(refusalOf(err))
	}
	if err != nil {
		return err
	}
	return serve(ctx, l, w)
}

// serveGreet turns an accepted connection into a mesh connection.
func (e *Endpoint) serveGreet(l *link, w *wire) error {
	h, err := expect[hello](w.stream)
	if err != nil {
		return err
	}
	meets, mine := h.Protocol.meets(Protocol()), e.greeting()
	if meets {
		l.greet(mine, h) // before the dialler can ask its first question
	}
	if err := w.send(mine); err != nil {
		return err
	}
	if meets { // else the dialler reads our range and draws the same conclusion
		e.connected(l)
		e.dials.meet(l)
	}
	return nil
}

// serveQuery answers one question.
func (e *Endpoint) serveQuery(ctx context.Context, l *link, w *wire) error {
	q, err := expect[Query](w.stream)
	if err != nil {
		return err
	}
	if q.Kind == QueryPing {
		return w.send(Answer{})
	}
	defer w.bind(ctx)()
	a, err := e.c.Handler.Answer(ctx, l.peer, q)
	if err == nil {
		err = a.check()
	}
	if err != nil {
		return w.send(refusalOf(err))
	}
	return w.send(a)
}

// Query asks peer and returns its answer. It dials if there is no connection,
// and once more if the one at hand proves dead. The error wraps *Refusal if
// the peer would not answer, else see Offer.
func (e *Endpoint) Query(ctx context.Context, peer certs.ID, q Query) (Answer, error) {
	if err := q.check(); err != nil {
		return Answer{}, fmt.Errorf("query %s: %w", peer.Short(), err)
	}
	var a Answer
	err := e.onSettled(ctx, peer, func(l *link) error {
		defer l.hold()()
		var err error
		a, err = exchange[Answer](ctx, l, kindQuery, q)
		return err
	})
	if err != nil {
		return Answer{}, fmt.Errorf("query %s: %w", peer.Short(), err)
	}
	return a, nil
}

// Pong is the answer to a Ping.
type Pong struct {
	RTT  time.Duration
	Addr string // where it came from
	TCP  bool   // through a tunnel, as in Link
}

// Ping asks peer for an empty answer, which its Endpoint gives, and returns
// how long that took, a dial not included. The errors are those of Query.
func (e *Endpoint) Ping(ctx context.Context, peer certs.ID) (Pong, error) {
	var p Pong
	err := e.onSettled(ctx, peer, func(l *link) error {
		defer l.hold()()
		asked := time.Now()
		_, err := exchange[Answer](ctx, l, kindQuery, Query{Kind: QueryPing})
		p = Pong{RTT: time.Since(asked), Addr: l.conn.RemoteAddr().String(), TCP: l.tunnelled()}
		return err
	})
	if err != nil {
		return Pong{}, fmt.Errorf("ping %s: %w", peer.Short(), err)
	}
	return p, nil
}

// onLink runs use on a mesh connection to peer, and again on a new one if that
// was an old one that turned out dead.
func (e *Endpoint) onLink(ctx context.Context, peer certs.ID, use func(*link) error) error {
	for {
		l, fresh, err := e.link(ctx, peer)
		if err != nil {
			return err
		}
		err = use(l)
		if err == nil || fresh || l.live() || ctx.Err() != nil {
			return err
		}
	}
}

// quiet is how long a superseded connection must be unused before it closes.
const quiet = 5 * time.Second

// connected lets the connections drain that the new mesh connection l has
// superseded, or l itself. Only the side that dialled one closes it, so that
// crossing dials cannot end with both closed.
func (e *Endpoint) connected(l *link) {
	e.c.Log.Info("connected", "peer", l.peer, "addr", l.conn.RemoteAddr().String(), "dialled", l.dialled, "tunnel", l.tunnelled())
	for _, old := range e.conns.of(l.peer) {
		if old.dialled && old.greeted.Load() != nil && e.conns.best(l.peer) != old {
			e.tasks.start(func() { e.drain(old) })
		}
	}
}

// drain closes l when it has been unused for a while, unless it becomes the
// best connection again.
func (e *Endpoint) drain(l *link) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for idle := time.Duration(0); idle < quiet; idle += time.Second {
		select {
		case <-tick.C:
		case <-l.done():
			return
		}
		if e.conns.best(l.peer) == l {
			return
		}
		if l.busy.Load() > 0 {
			idle = 0
		}
	}
	l.close(CodeSuperseded, "superseded")
}
