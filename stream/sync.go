package stream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"btrmesh/certs"
)

// Records are compared before anything else on a new mesh connection, so that
// who was removed elsewhere is out before its first stream is read:
//
//	dialler   hello with its digest  (greet)
//	acceptor  hello with its digest  equal: that is all
//
// and otherwise, on a stream of kind records that the dialler opens, or either
// side at any later time:
//
//	opener    hashes…                all it has
//	other     hashes…, records…      those it lacks, and what the opener lacks
//	opener    records…               once it has stored the other's
//	other     synced                 once it has stored the opener's
const (
	settleTime = 5 * time.Second  // that runs and queries wait for the records
	syncTime   = 30 * time.Second // for one exchange in all
	syncAgain  = time.Second      // after a failed exchange; doubles
	syncRarest = 30 * time.Second
	maxSyncs   = 16 // exchanges answered at a time: each holds up to 6 MiB
)

// SyncRecords exchanges membership records with peer, dialling if there is no
// connection. Afterwards both have stored what the other had and they would
// take. The error wraps *Refusal if the peer is busy with other exchanges,
// else see Offer.
func (e *Endpoint) SyncRecords(ctx context.Context, peer certs.ID) error {
	err := e.onLink(ctx, peer, func(l *link) error { return e.syncRecords(ctx, l) })
	if err != nil {
		return fmt.Errorf("sync records with %s: %w", peer.Short(), err)
	}
	return nil
}

// settle exchanges records on a connection we dialled until that has worked
// once.
func (e *Endpoint) settle(ctx context.Context, l *link) {
	for pause := syncAgain; !l.settled.isOpen(); pause = min(2*pause, syncRarest) {
		err := e.syncRecords(ctx, l)
		if err == nil || !l.live() {
			return
		}
		e.c.Log.Info("records not exchanged", "peer", l.peer, "err", err)
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-l.settled.opened:
		case <-ctx.Done():
			return
		}
	}
}

// syncRecords leads one exchange on l, after any other that we lead there.
func (e *Endpoint) syncRecords(ctx context.Context, l *link) error {
	defer l.hold()()
	ctx, cancel := context.WithTimeout(ctx, syncTime)
	defer cancel()
	select {
	case l.syncing <- struct{}{}:
		defer func() { <-l.syncing }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	w, err := openWire(ctx, l, kindRecords)
	if err != nil {
		return err
	}
	defer w.bind(ctx)()
	if err := e.leadSync(ctx, l.peer, w); err != nil {
		w.abandon(CodeFailed)
		return fault(ctx, l.peer, err)
	}
	w.finish()
	w.stream.CancelRead(quic.StreamErrorCode(CodeNone))
	return e.synced(l)
}

func (e *Endpoint) leadSync(ctx context.Context, peer certs.ID, w *wire) error {
	ours := e.c.Records.Hashes()
	if err := sendHashes(w, ours); err != nil {
		return heard(w, err)
	}
	wanted, err := receiveHashes(w)
	if err != nil {
		return err
	}
	raw, err := receiveRecords(w)
	if err != nil {
		return err
	}
	if err := e.merge(ctx, peer, raw); err != nil {
		return err
	}
	if err := sendRecords(w, e.c.Records.Records(common(ours, wanted))); err != nil {
		return heard(w, err)
	}
	_, err = next[synced](w)
	return err
}

// heard prefers the peer's refusal to the failure to go on talking.
func heard(w *wire, err error) error {
	if _, said := next[synced](w); isRefusal(said) {
		return said
	}
	return err
}

// serveRecords answers one exchange.
func (e *Endpoint) serveRecords(ctx context.Context, l *link, w *wire) error {
	ctx, cancel := context.WithTimeout(ctx, syncTime)
	defer cancel()
	defer w.bind(ctx)()
	err := e.followSync(ctx, l.peer, w)
	if isRefusal(err) {
		return w.send(refusalOf(err))
	}
	if err != nil {
		return err
	}
	if err := w.send(synced{}); err != nil {
		return err
	}
	return e.synced(l)
}

// followSync answers all but the last word, so that the peer may begin anew as
// soon as it has that. The error is *Refusal if the peer is to be told.
func (e *Endpoint) followSync(ctx context.Context, peer certs.ID, w *wire) error {
	if !e.syncs.enter(peer) {
		return &Refusal{Code: Busy, Text: "comparing records with others"}
	}
	defer e.syncs.leave(peer)
	_ = w.stream.SetReadDeadline(time.Time{}) // cannot fail; ctx bounds it
	theirs, err := receiveHashes(w)
	if err != nil {
		return err
	}
	ours := e.c.Records.Hashes()
	if err := sendHashes(w, lacking(ours, theirs)); err != nil {
		return err
	}
	if err := sendRecords(w, e.c.Records.Records(lacking(theirs, ours))); err != nil {
		return err
	}
	raw, err := receiveRecords(w)
	if err != nil {
		return err
	}
	if err := e.merge(ctx, peer, raw); err != nil {
		e.c.Log.Error("records not taken", "peer", peer, "err", err)
		return &Refusal{Code: Internal, Text: "records not stored"}
	}
	return nil
}

func (e *Endpoint) merge(ctx context.Context, from certs.ID, raw [][]byte) error {
	if len(raw) == 0 {
		return nil
	}
	if err := e.c.Records.Merge(ctx, from, raw); err != nil {
		return fmt.Errorf("merge records: %w", err)
	}
	return nil
}

// synced lets runs and queries pass on l, if its peer still is a member.
func (e *Endpoint) synced(l *link) error {
	err := e.stillMember(l)
	l.settled.open()
	return err
}

// awaitRecords waits until the records of both ends of l have been compared,
// and then asks for membership, which may have changed. The error is *Refusal
// with Busy if it takes too long, certs.ErrNotMember, why l closed, or the end
// of ctx.
func (e *Endpoint) awaitRecords(ctx context.Context, l *link) error {
	if l.settled.isOpen() {
		return nil // asked already
	}
	late := time.NewTimer(settleTime)
	defer late.Stop()
	select {
	case <-l.settled.opened:
		return e.stillMember(l)
	case <-late.C:
		return &Refusal{Code: Busy, Text: "membership records are not compared yet"}
	case <-l.done():
		return lost(l.peer, l.cause())
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// onSettled is onLink for what has to wait until records are compared.
func (e *Endpoint) onSettled(ctx context.Context, peer certs.ID, use func(*link) error) error {
	return e.onLink(ctx, peer, func(l *link) error {
		if err := e.awaitRecords(ctx, l); err != nil {
			return err
		}
		return use(l)
	})
}

// gate opens once. Safe for concurrent use.
type gate struct {
	once   sync.Once
	opened chan struct{} // closed then
}

func newGate() *gate { return &gate{opened: make(chan struct{})} }

func (g *gate) open() { g.once.Do(func() { close(g.opened) }) }

func (g *gate) isOpen() bool {
	select {
	case <-g.opened:
		return true
	default:
		return false
	}
}

// syncs bounds the exchanges answered at a time: one per peer, so that none
// takes all places. Safe for concurrent use.
type syncs struct {
	mu    sync.Mutex
	peers map[certs.ID]bool
}

func newSyncs() *syncs { return &syncs{peers: make(map[certs.ID]bool)} }

func (s *syncs) enter(peer certs.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers[peer] || len(s.peers) >= maxSyncs {
		return false
	}
	s.peers[peer] = true
	return true
}

func (s *syncs) leave(peer certs.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.peers, peer)
}
