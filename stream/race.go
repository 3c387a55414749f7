package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"btrmesh/certs"
)

// stagger is how long one address is tried alone before the next joins in
// (RFC 8305 section 5).
const stagger = 250 * time.Millisecond

// candidate is one way to try: addr as it was given, and what it resolves to.
type candidate struct {
	text string
	addr netip.AddrPort
}

type outcome[T any] struct {
	way candidate
	got T
	err error
}

// race tries all addresses of peer, each a little after the one before, within
// handshakeTime each. It returns the first success and cancels the others; one
// that succeeds all the same goes to drop. If all fail, the error is the
// peer's own word, or *UnreachableError.
func race[T any](
	ctx context.Context, peer certs.ID, addrs []string,
	try func(context.Context, netip.AddrPort) (T, error), drop func(T),
) (winner T, err error) {
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ways, failed := resolve(ctx, addrs)
	finish := make(chan outcome[T])
	for i, way := range ways {
		go func() { finish <- run(ctx, time.Duration(i)*stagger, way, try) }()
	}
	won := false
	var errs []error
	for range ways {
		switch o := <-finish; {
		case o.err != nil:
			errs = append(errs, o.err)
			failed = append(failed, Attempt{Addr: o.way.text, Why: why(o.err)})
		case won:
			drop(o.got)
		default:
			won, winner = true, o.got
			cancel()
		}
	}
	if won {
		return winner, nil
	}
	if outer.Err() != nil {
		return winner, context.Cause(outer)
	}
	return winner, verdict(&UnreachableError{Peer: peer, Tried: failed}, errs)
}

// run makes one attempt after a wait.
func run[T any](
	ctx context.Context, wait time.Duration, way candidate, try func(context.Context, netip.AddrPort) (T, error),
) outcome[T] {
	o := outcome[T]{way: way}
	if wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			o.err = context.Cause(ctx)
			return o
		}
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	o.got, o.err = try(ctx, way.addr)
	return o
}

// verdict prefers what the peer itself said over "did not answer".
func verdict(unreachable *UnreachableError, errs []error) error {
	for _, err := range errs {
		if why, removed := removal(err); removed {
			return &RemovedError{Peer: unreachable.Peer, Why: why}
		}
		if _, ok := errors.AsType[*RemovedError](err); ok || isAnswer(err) {
			return err
		}
		if _, ok := errors.AsType[*certs.MismatchError](err); ok && len(errs) == 1 {
			return err
		}
	}
	return unreachable
}

// unanswered tells a dial that did not hear the peer, perhaps another at its
// address.
func unanswered(err error) bool {
	_, silent := errors.AsType[*UnreachableError](err)
	_, other := errors.AsType[*certs.MismatchError](err)
	return silent || other
}

// resolve turns host:port texts into addresses, in order. Hosts that cannot
// be resolved are returned as failed attempts.
func resolve(ctx context.Context, addrs []string) ([]candidate, []Attempt) {
	var ways []candidate
	var failed []Attempt
	for _, text := range addrs {
		found, err := lookup(ctx, text)
		if err != nil {
			failed = append(failed, Attempt{Addr: text, Why: err.Error()})
		}
		for _, a := range found {
			ways = append(ways, candidate{text: text, addr: a})
		}
	}
	return ways, failed
}

func lookup(ctx context.Context, text string) ([]netip.AddrPort, error) {
	if a, err := netip.ParseAddrPort(text); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(a.Addr().Unmap(), a.Port())}, nil
	}
	host, service, err := net.SplitHostPort(text)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q is not a number", service)
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	out := make([]netip.AddrPort, 0, len(ips))
	for _, ip := range ips {
		out = append(out, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
	}
	return out, nil
}
