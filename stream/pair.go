package stream

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/quic-go/quic-go"

	"btrmesh/certs"
)

// ErrProof means that the inviter did not prove that it made the invite.
var ErrProof = errors.New("the inviter does not know the secret of the invite")

// maxJoining bounds the pairing connections at one time: strangers.
const maxJoining = 8

// servePairing serves one joiner: a stranger who holds, perhaps, an invite.
// Nothing else is reachable on such a connection.
func (e *Endpoint) servePairing(ctx context.Context, l *link) {
	defer e.joining.Add(-1)
	if e.joining.Add(1) > maxJoining || !e.joins.Allow() {
		l.close(CodeCrowded, "try again later")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, pairTime)
	defer cancel()
	defer l.whenClosed(cancel)()
	err := e.redeem(ctx, l.conn, l.peer)
	if err == nil {
		select { // the joiner closes, so that it has read our last word
		case <-ctx.Done():
		case <-time.After(farewellTime):
		}
	}
	e.c.Log.Info("pairing connection over", "peer", l.peer, "addr", l.conn.RemoteAddr().String(), "err", err)
	l.close(CodeNone, "pairing over")
}

// redeem hears one joiner. An error means that it got no answer.
func (e *Endpoint) redeem(ctx context.Context, conn *quic.Conn, peer certs.ID) error {
	s, err := conn.AcceptStream(ctx)
	if err != nil {
		return err
	}
	w := newWire(s)
	defer w.bind(ctx)()
	_ = s.SetReadDeadline(time.Now().Add(firstWords)) // cannot fail
	r, err := readJoin(w, conn, peer)
	if err != nil {
		return err
	}
	if !e.c.Pairing() {
		return decline(w, &Refusal{Code: InviteExpired, Text: "no invite is open"})
	}
	a, err := e.c.Handler.Redeem(ctx, r)
	if err != nil {
		return decline(w, err)
	}
	if err := sendAnswer(w, a); err != nil {
		return err
	}
	_ = s.SetReadDeadline(time.Time{}) // cannot fail; ctx bounds it
	last, err := next[stored](w)
	if err != nil {
		return err
	}
	if err := e.c.Handler.Confirm(ctx, peer, last.Consent); err != nil {
		return decline(w, err)
	}
	defer w.finish()
	return w.send(confirmed{})
}

func sendAnswer(w *wire, a JoinAnswer) error {
	if err := w.send(a); err != nil {
		return err
	}
	return sendRecords(w, a.Records)
}

// decline answers a joiner with the reason it is not let in.
func decline(w *wire, err error) error {
	defer w.finish()
	return w.send(refusalOf(err))
}

func readJoin(w *wire, conn *quic.Conn, peer certs.ID) (JoinRequest, error) {
	kind, err := readKind(w.stream)
	if err != nil {
		return JoinRequest{}, err
	}
	if kind != kindPair {
		return JoinRequest{}, fmt.Errorf("stream of kind %d: %w", kind, ErrBadStream)
	}
	j, err := next[join](w)
	if err != nil {
		return JoinRequest{}, err
	}
	state := conn.ConnectionState().TLS
	key, err := peerKey(state)
	if err != nil {
		return JoinRequest{}, err
	}
	exporter, err := certs.ExportPairing(state, j.InviteID)
	if err != nil {
		return JoinRequest{}, err
	}
	return JoinRequest{
		JoinHello: j.Hello, Peer: peer, Key: key, Remote: addrPort(conn.RemoteAddr()),
		InviteID: j.InviteID, Exporter: exporter, Proof: j.Proof,
	}, nil
}

// peerKey returns the key whose hash certs.PeerID is.
func peerKey(state tls.ConnectionState) (ed25519.PublicKey, error) {
	if len(state.PeerCertificates) != 1 {
		return nil, certs.ErrCertificate
	}
	key, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok {
		return nil, certs.ErrCertificate
	}
	return key, nil
}

// addrPort is zero for an address that is neither UDP nor TCP.
func addrPort(a net.Addr) netip.AddrPort {
	u, ok := a.(interface{ AddrPort() netip.AddrPort })
	if !ok {
		return netip.AddrPort{}
	}
	p := u.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// Confirm tells the inviter that the joiner's membership is durable.
type Confirm func(ctx context.Context, consent []byte) error

// Join redeems inv with the appliance at addr, host:port, and returns its
// answer, with the records of the mesh, once the inviter has proven that it made
// the invite. The caller makes its membership durable and then calls confirm
// with its consent, 64 bytes or none, which tells the inviter to do the same; a
// lost confirmation is settled by joining again. ctx governs all of it: the
// connection is closed when confirm returns or ctx ends.
//
// The error wraps *certs.MismatchError if another appliance answered,
// *Refusal, ErrProof or *UnreachableError.
func (e *Endpoint) Join(ctx context.Context, addr string, inv certs.Invite, me JoinHello) (JoinAnswer, Confirm, error) {
	conn, err := race(ctx, certs.ID{}, []string{addr}, func(ctx context.Context, to netip.AddrPort) (*quic.Conn, error) {
		return e.transport.Dial(ctx, net.UDPAddrFromAddrPort(to), e.c.Identity.PairClient(inv.Inviter), pairConfig())
	}, closePairing)
	if err != nil {
		return JoinAnswer{}, nil, fmt.Errorf("join at %s: %w", addr, err)
	}
	stop := context.AfterFunc(ctx, func() { closePairing(conn) })
	a, w, err := e.ask(ctx, conn, inv, me)
	if err != nil {
		stop()
		closePairing(conn)
		return JoinAnswer{}, nil, fmt.Errorf("join at %s: %w", addr, err)
	}
	confirm := func(ctx context.Context, consent []byte) error {
		defer stop()
		defer closePairing(conn)
		last := stored{Consent: consent}
		err := last.check()
		if err == nil {
			err = fault(ctx, certs.ID{}, confirmJoin(ctx, w, last))
		}
		if err != nil {
			return fmt.Errorf("confirm join at %s: %w", addr, err)
		}
		return nil
	}
	return a, confirm, nil
}

func closePairing(conn *quic.Conn) {
	_ = conn.CloseWithError(quic.ApplicationErrorCode(CodeNone), "pairing over")
}

// ask sends the proof, checks the inviter's, and only then reads the records.
func (e *Endpoint) ask(ctx context.Context, conn *quic.Conn, inv certs.Invite, me JoinHello) (JoinAnswer, *wire, error) {
	state := conn.ConnectionState().TLS
	inviter, err := certs.PeerID(state)
	if err != nil {
		return JoinAnswer{}, nil, err
	}
	exporter, err := certs.ExportPairing(state, inv.ID)
	if err != nil {
		return JoinAnswer{}, nil, err
	}
	w, err := openWire(ctx, newLink(conn, inviter, true), kindPair) //nolint:contextcheck // a connection has a life of its own
	if err != nil {
		return JoinAnswer{}, nil, err
	}
	defer w.bind(ctx)()
	j := join{Protocol: Protocol(), InviteID: inv.ID, Hello: me, Proof: inv.Key().Joiner(exporter, e.self, inviter)}
	a, err := converse[JoinAnswer](w, j)
	if err != nil {
		return JoinAnswer{}, nil, fault(ctx, inviter, err)
	}
	if !certs.Equal(a.Proof, inv.Key().Inviter(exporter, inviter, e.self)) {
		return JoinAnswer{}, nil, ErrProof
	}
	if a.Records, err = receiveRecords(w); err != nil {
		return JoinAnswer{}, nil, fault(ctx, inviter, err)
	}
	a.Peer = inviter
	return a, w, nil
}

// converse sends m and receives the answer on the same stream.
func converse[A message](w *wire, m message) (A, error) {
	if err := w.send(m); err != nil {
		var none A
		return none, err
	}
	return next[A](w)
}

func confirmJoin(ctx context.Context, w *wire, last stored) error {
	defer w.bind(ctx)()
	_, err := converse[confirmed](w, last)
	return err
}
