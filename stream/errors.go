package stream

import (
	"errors"
	"fmt"
	"strings"

	"btrmesh/certs"
)

var (
	// ErrClosed means that the endpoint has stopped, or the session was closed
	// by this side.
	ErrClosed = errors.New("closed")
	// ErrGoodbye means that the peer's daemon is stopping.
	ErrGoodbye = errors.New("the peer is shutting down")
	// ErrLost means that the connection broke: no answer is known, and whether
	// the peer committed is settled by the next offer.
	ErrLost = errors.New("connection lost")
	// ErrStalled means that the target acknowledged nothing for a minute while
	// data waited for it, although lanes were replaced.
	ErrStalled = errors.New("no progress for 60s while data waits")
	// ErrBadStream means that what arrived is not what a sound peer sends.
	ErrBadStream = errors.New("bad stream")
	// ErrDiverged means that a stream that was to go on is not the one begun.
	ErrDiverged = errors.New("the stream is not the one that was begun")
	// ErrMisuse means that the caller used a session out of order.
	ErrMisuse = errors.New("session used out of order")
)

// An Attempt is one address that was tried, and why it did not do.
type Attempt struct {
	Addr string // host:port
	Why  string // "timeout 5s", "refused", …
}

// UnreachableError says that no address of a peer answered. Tried is empty
// when none is known.
type UnreachableError struct {
	Peer  certs.ID // zero while pairing: the full ID is not known yet
	Tried []Attempt
}

// Error lists what was tried: 10.0.0.2:7945 (timeout 5s), 10.1.0.2:7945 (refused).
func (e *UnreachableError) Error() string {
	who := "inviter"
	if !e.Peer.IsZero() {
		who = e.Peer.Short()
	}
	if len(e.Tried) == 0 {
		return who + " has no known address"
	}
	tried := make([]string, 0, len(e.Tried))
	for _, a := range e.Tried {
		tried = append(tried, fmt.Sprintf("%s (%s)", a.Addr, a.Why))
	}
	return who + " did not answer at " + strings.Join(tried, ", ")
}

// NoTCPError says that a peer, which answers over QUIC, could not be reached over
// TCP. Addr is the first that was tried.
type NoTCPError struct {
	Peer certs.ID
	Addr string // host:port
	Why  string // as in Attempt
}

// Error names the address: tcp 192.168.1.11:7945 refused.
func (e *NoTCPError) Error() string { return "tcp " + e.Addr + " " + e.Why }

// NoUDPError says that a peer, which answers over TCP, does not over UDP, and that
// its lanes may run over nothing else.
type NoUDPError struct{ Peer certs.ID }

// Error names the peer.
func (e *NoUDPError) Error() string { return errNoUDP.Error() + " from " + e.Peer.Short() }

// RemovedError says that the peer does not count us as a member: it never knew
// us, or tells Why it does not any more. Why is foreign text, at most 500 bytes.
type RemovedError struct {
	Peer certs.ID
	Why  string
}

// Error names the peer and quotes its reason.
func (e *RemovedError) Error() string {
	if e.Why == "" {
		return e.Peer.Short() + " does not know this appliance as a member (remote)"
	}
	return fmt.Sprintf("%s does not count this appliance as a member any more: %q (remote)", e.Peer.Short(), e.Why)
}

// A Range is the protocol versions one side speaks, both ends included.
type Range struct {
	Min uint8 `cbor:"1,keyasint"`
	Max uint8 `cbor:"2,keyasint"`
}

// ProtocolError says that two appliances have no protocol version in common.
// Theirs is zero if they did not say.
type ProtocolError struct{ Ours, Theirs Range }

// Error gives both ranges.
func (e *ProtocolError) Error() string {
	if e.Theirs == (Range{}) {
		return fmt.Sprintf("the peer does not speak protocol %d", e.Ours.Max)
	}
	return fmt.Sprintf("the peer speaks protocol %d to %d, this daemon %d to %d",
		e.Theirs.Min, e.Theirs.Max, e.Ours.Min, e.Ours.Max)
}

func (r Range) meets(o Range) bool { return r.Min <= o.Max && o.Min <= r.Max }
