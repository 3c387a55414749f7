package certs

import (
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
)

// What a connection is for, as agreed in the handshake (RFC 7301).
const (
	ALPNMesh = "btrmesh/1"      // between members
	ALPNPair = "btrmesh-pair/1" // from a joiner, whose key nobody knows yet
	ALPNLane = "btrmesh-lane/1" // between members, over TCP: the data of one run, or a mesh connection in a tunnel
)

var (
	// ErrNotMember: the peer proved who it is, and is no member of the mesh.
	ErrNotMember = errors.New("not a member of the mesh")
	// ErrCertificate: the peer showed something else than one Ed25519 key.
	ErrCertificate = errors.New("peer did not show exactly one Ed25519 certificate")
)

// MismatchError says that another appliance answered than the one dialled, or
// than the one that made the invite.
type MismatchError struct {
	Shown ID     // who answered, proven
	Want  string // who was meant, short form
}

// Error implements error.
func (e *MismatchError) Error() string {
	return "appliance " + e.Shown.Short() + " answered instead of " + e.Want
}

// Policy decides whom a server talks to. Both functions are called on every
// handshake they matter to, from many goroutines; a nil one refuses.
type Policy struct {
	Member  func(ID) bool // the live set of members
	Pairing func() bool   // whether an invite is unexpired, a used one included
}

// Server returns the configuration for accepted connections. Members are served
// under [ALPNMesh]. A client that offers [ALPNPair] and nothing else is served
// under that while an invite is open, whatever its key; the caller hands such
// a connection to pairing alone.
//
// As TLS 1.3 lets the client finish first, the client learns of a refusal only
// when it reads.
func (i *Identity) Server(p Policy) *tls.Config {
	mesh := i.config(ALPNMesh, func(id ID) error { return checkMember(id, p.Member) })
	pair := i.config(ALPNPair, func(ID) error { return nil })
	mesh.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if wantsPairing(hello.SupportedProtos) && p.Pairing != nil && p.Pairing() {
			return pair, nil
		}
		return nil, nil // the configuration itself
	}
	return mesh
}

// Client returns the configuration to dial the member want. The handshake fails
// with *[MismatchError] if another answers, with [ErrNotMember] if member denies it.
func (i *Identity) Client(want ID, member func(ID) bool) *tls.Config {
	return i.config(ALPNMesh, pinned(want, member))
}

// pinned allows want alone, and it only while it is a member.
func pinned(want ID, member func(ID) bool) func(ID) error {
	return func(id ID) error {
		if id != want {
			return &MismatchError{Shown: id, Want: want.Short()}
		}
		return checkMember(id, member)
	}
}

// LaneServer returns the configuration for TCP connections that carry data of
// runs, or a tunnel, accepted from members only.
func (i *Identity) LaneServer(member func(ID) bool) *tls.Config {
	return i.laneConfig(func(id ID) error { return checkMember(id, member) })
}

// LaneClient returns the configuration to dial such a connection to the member
// want. The errors of the handshake are those of Client.
func (i *Identity) LaneClient(want ID, member func(ID) bool) *tls.Config {
	return i.laneConfig(pinned(want, member))
}

// laneConfig makes records as large as they get from the first: what follows is
// bulk data.
func (i *Identity) laneConfig(allow func(ID) error) *tls.Config {
	c := i.config(ALPNLane, allow)
	c.DynamicRecordSizingDisabled = true
	return c
}

// PairClient returns the configuration of a joiner that dials the appliance
// whose ID begins with prefix, as in [Invite]. The handshake fails with
// *[MismatchError] if another answers.
func (i *Identity) PairClient(prefix [16]byte) *tls.Config {
	return i.config(ALPNPair, func(id ID) error {
		if id.Prefix() != prefix {
			return &MismatchError{Shown: id, Want: shortPrefix(prefix)}
		}
		return nil
	})
}

// PeerID returns who is at the other end of a connection: the ID of the one
// Ed25519 key it showed. The error wraps [ErrCertificate].
func PeerID(cs tls.ConnectionState) (ID, error) {
	if n := len(cs.PeerCertificates); n != 1 {
		return ID{}, fmt.Errorf("identify peer: %w: %d certificates", ErrCertificate, n)
	}
	key, ok := cs.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok || len(key) != ed25519.PublicKeySize {
		return ID{}, fmt.Errorf("identify peer: %w: %s key", ErrCertificate, cs.PeerCertificates[0].PublicKeyAlgorithm)
	}
	return IDOf(key), nil
}

// config serves both ends. There is no chain to verify: TLS proves that the
// peer holds its key, and allow decides about the key.
func (i *Identity) config(alpn string, allow func(ID) error) *tls.Config {
	return &tls.Config{
		Certificates:           []tls.Certificate{i.held.certificate},
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{alpn},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true,
		SessionTicketsDisabled: true,
		// Not VerifyPeerCertificate, which is skipped on resumption (CVE-2025-68121).
		VerifyConnection: func(cs tls.ConnectionState) error { return verify(cs, alpn, allow) },
	}
}

// verify also insists on the protocol: crypto/tls lets a peer without any pass.
func verify(cs tls.ConnectionState, alpn string, allow func(ID) error) error {
	if cs.NegotiatedProtocol != alpn {
		return fmt.Errorf("verify peer: protocol %q instead of %q", cs.NegotiatedProtocol, alpn)
	}
	id, err := PeerID(cs)
	if err == nil {
		err = allow(id)
	}
	if err != nil {
		return fmt.Errorf("verify peer: %w", err)
	}
	return nil
}

func checkMember(id ID, member func(ID) bool) error {
	if member == nil || !member(id) {
		return fmt.Errorf("appliance %s: %w", id.Short(), ErrNotMember)
	}
	return nil
}

func wantsPairing(offered []string) bool {
	return len(offered) == 1 && offered[0] == ALPNPair
}

func shortPrefix(prefix [16]byte) string {
	return crockford.EncodeToString(prefix[:])[:shortText]
}
