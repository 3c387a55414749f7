package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"btrmesh/certs"
)

// session is what both ends of a run have in common: the meta stream and one
// fate. Whatever goes wrong first ends it; every later call gets that cause.
type session struct {
	wire  *wire
	peer  certs.ID
	done  <-chan struct{} // closed when the session is over
	cause func() error    // why, nil while it is not
	fail  context.CancelCauseFunc
	after func(func()) (stop func() bool) // runs a function when the session is over
	said  atomic.Bool                     // one side has spoken its last word
	tasks sync.WaitGroup
}

// newSession binds a session to ctx; the context returned ends with it.
func newSession(ctx context.Context, peer certs.ID, w *wire) (*session, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	context.AfterFunc(ctx, func() {
		w.stream.CancelRead(quic.StreamErrorCode(CodeFailed))
		_ = w.stream.SetWriteDeadline(time.Now().Add(lastWords)) // cannot fail
	})
	return &session{
		wire: w, peer: peer, done: ctx.Done(), fail: cancel,
		cause: func() error { return context.Cause(ctx) },
		after: func(f func()) func() bool { return context.AfterFunc(ctx, f) },
	}, ctx
}

// during ends the session if ctx does before release is called.
func (s *session) during(ctx context.Context) (release func() bool) {
	return context.AfterFunc(ctx, func() { s.fail(context.Cause(ctx)) })
}

// bounded returns a context with the values of ctx that ends with the session.
func (s *session) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := s.after(func() { cancel(s.cause()) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// send sends m; a failure ends the session.
func (s *session) send(ctx context.Context, m message) error {
	defer s.during(ctx)()
	if err := s.cause(); err != nil {
		return err
	}
	if err := s.wire.send(m); err != nil {
		s.fail(lost(s.peer, err))
		return s.cause()
	}
	return nil
}

// broken ends the session with what reading its meta stream failed with.
func (s *session) broken(err error) { s.fail(lost(s.peer, noEOF(err))) }

// strayed ends the session because the peer does not listen any more. Its word
// about why may still be on its way.
func (s *session) strayed(err error) {
	select {
	case <-s.done:
	case <-time.After(lastWords):
		s.fail(lost(s.peer, err))
	}
}

// aborted ends the session with the peer's last word, an abort or a refusal.
func (s *session) aborted(f frame) {
	err := fmt.Errorf("frame type %d out of turn: %w", f.kind, ErrBadStream)
	//exhaustive:ignore
	switch f.kind {
	case typeAbort:
		var a abort
		if a, err = parse[abort](f); err == nil {
			err = &Refusal{Code: a.Code, Text: a.Text}
		}
	case typeRefused:
		var r Refusal
		if r, err = parse[Refusal](f); err == nil {
			err = &r
		}
	}
	if isRefusal(err) {
		s.said.Store(true)
	}
	s.broken(err)
}

// lastWord sends m as the session's end, unless either side has ended it
// before; it says whether m went out.
func (s *session) lastWord(messages ...message) error {
	if s.said.Swap(true) {
		if err := s.cause(); err != nil {
			return err
		}
		return ErrMisuse
	}
	defer s.wire.finish()
	if err := s.wire.sendLast(messages...); err != nil {
		s.fail(lost(s.peer, err))
		return s.cause()
	}
	return nil
}

// farewell is the abort that tells the peer why this side gives up.
func farewell(cause error) abort {
	code := Internal
	switch {
	case errors.Is(cause, ErrBadStream):
		code = BadStream
	case errors.Is(cause, context.Canceled), errors.Is(cause, context.DeadlineExceeded):
		code = Cancelled
	case errors.Is(cause, ErrStalled):
		code = IO
	}
	text := "the session was closed"
	if cause != nil {
		text = cause.Error()
	}
	return abort{Code: code, Text: clip(text, maxText)}
}

// sessions finds the session a lane belongs to. Safe for concurrent use.
type sessions struct {
	mu   sync.Mutex
	open map[sessionKey]*Inbound
}

type sessionKey struct {
	peer  certs.ID
	token bytes16
}

func newSessions() *sessions { return &sessions{open: make(map[sessionKey]*Inbound)} }

// add enters in; false if the peer has used the token already.
func (s *sessions) add(k sessionKey, in *Inbound) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.open[k]; taken {
		return false
	}
	s.open[k] = in
	return true
}

func (s *sessions) remove(k sessionKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, k)
}

func (s *sessions) find(k sessionKey) (*Inbound, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in, ok := s.open[k]
	return in, ok
}
