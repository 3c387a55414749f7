package stream

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/quic-go/quic-go"

	"btrmesh/certs"
)

// TLS alerts as QUIC transport errors, RFC 9001 section 4.8: 0x100 + alert.
const (
	badCertificate quic.TransportErrorCode = 0x100 + 42
	noProtocol     quic.TransportErrorCode = 0x100 + 120
)

// fault says in the words of this package why talking to peer failed. The
// end of ctx comes first: it is why the stream was cancelled.
func fault(ctx context.Context, peer certs.ID, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return lost(peer, err)
}

// lost classifies an error of a connection or of a stream on it. Errors that
// are not quic-go's mean that the other side spoke nonsense or ended early.
func lost(peer certs.ID, err error) error {
	if why, removed := removal(err); removed {
		return &RemovedError{Peer: peer, Why: why}
	}
	if app, ok := errors.AsType[*quic.ApplicationError](err); ok && app.Remote && uint64(app.ErrorCode) == CodeGoodbye {
		return ErrGoodbye
	}
	if s, ok := errors.AsType[*quic.StreamError](err); ok && s.Remote && uint64(s.ErrorCode) == CodeProtocol {
		return &ProtocolError{Ours: Protocol()}
	}
	if isAnswer(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// removal tells whether the peer refused us as no member, and its reason.
func removal(err error) (why string, removed bool) {
	if app, ok := errors.AsType[*quic.ApplicationError](err); ok {
		return clip(app.ErrorMessage, maxWhy), app.Remote && uint64(app.ErrorCode) == CodeRemoved
	}
	t, ok := errors.AsType[*quic.TransportError](err)
	return "", ok && t.Remote && t.ErrorCode == badCertificate
}

// isAnswer reports errors that a sound connection brought.
func isAnswer(err error) bool {
	_, foreign := errors.AsType[*ProtocolError](err)
	return foreign || isRefusal(err) || errors.Is(err, ErrBadStream)
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[*Refusal](err)
	return ok
}

// why puts the failure of a dial into a few words.
func why(err error) string {
	var transport *quic.TransportError
	var mismatch *certs.MismatchError
	switch {
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "timeout " + handshakeTime.String()
	case errors.As(err, &mismatch):
		return "it is " + mismatch.Shown.Short()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route"
	case !errors.As(err, &transport):
		return err.Error()
	case transport.ErrorCode == quic.ConnectionRefused:
		return "refused"
	case transport.Remote && transport.ErrorCode == noProtocol:
		return "refused: not open for this"
	default:
		return err.Error()
	}
}

func isTimeout(err error) bool {
	_, shake := errors.AsType[*quic.HandshakeTimeoutError](err)
	_, idle := errors.AsType[*quic.IdleTimeoutError](err)
	return shake || idle
}
