package stream

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"btrmesh/certs"
)

// join redeems an invite: joiner → inviter, on a pairing connection, <= 4 KiB.
type join struct {
	Protocol Range     `cbor:"1,keyasint"`
	InviteID bytes5    `cbor:"2,keyasint"`
	Hello    JoinHello `cbor:"3,keyasint"`
	Proof    bytes32   `cbor:"4,keyasint"` // certs.ProofKey.Joiner
}

// JoinHello is how a joiner introduces itself.
type JoinHello struct {
	Name     string   `cbor:"1,keyasint"`
	Version  string   `cbor:"2,keyasint"`
	Instance bytes16  `cbor:"3,keyasint"` // of this state directory, random
	Listen   []string `cbor:"4,keyasint"` // own addresses, host:port, <= 64
	Mesh     bytes32  `cbor:"5,keyasint"` // it is in; zero: none
	Members  int      `cbor:"6,keyasint"` // of that mesh, the joiner included
}

// JoinRequest is what the inviter's handler decides on: the joiner's message
// with what the connection proves.
type JoinRequest struct {
	JoinHello
	Peer     certs.ID          // proven by the handshake
	Key      ed25519.PublicKey // the one Peer is the hash of
	Remote   netip.AddrPort    // where the joiner is
	InviteID bytes5
	Exporter []byte  // certs.ExportPairing of this connection
	Proof    bytes32 // to be compared with certs.ProofKey.Joiner
}

// JoinAnswer accepts a joiner: inviter → joiner, <= 32 KiB. The records follow
// it as pages.
type JoinAnswer struct {
	Peer       certs.ID  `cbor:"-"` // the inviter, proven by the handshake
	Name       string    `cbor:"1,keyasint"`
	Version    string    `cbor:"2,keyasint"`
	Proof      bytes32   `cbor:"3,keyasint"`  // certs.ProofKey.Inviter
	Addresses  []string  `cbor:"4,keyasint"`  // the inviter's, host:port, <= 64
	Time       time.Time `cbor:"5,keyasint"`  // the inviter's wall clock
	Granted    []string  `cbor:"6,keyasint"`  // pools the joiner may write into, <= 64
	Appliances []string  `cbor:"7,keyasint"`  // names in the mesh, <= 512
	Admission  []byte    `cbor:"8,keyasint"`  // signed by the inviter, the joiner's consent missing; <= 1 KiB
	Records    [][]byte  `cbor:"-"`           // all of the mesh; each <= 1 KiB, <= 4 MiB together
	Held       []bytes32 `cbor:"9,keyasint"`  // removals among them that do not count yet, <= 256
	Vouched    []bytes32 `cbor:"10,keyasint"` // removals among them that came from members, <= 256
}

// stored says that the joiner has made its new membership durable: joiner →
// inviter, <= 128 B.
type stored struct {
	Consent []byte `cbor:"1,keyasint"` // the joiner's signature over the admission: 64 bytes, or none
}

// confirmed says that the inviter has done so too: inviter → joiner.
type confirmed struct{}

func (join) frameType() frameType       { return typeJoin }
func (JoinAnswer) frameType() frameType { return typeJoined }
func (stored) frameType() frameType     { return typeStored }
func (confirmed) frameType() frameType  { return typeConfirmed }

func (j join) check() error {
	if j.Hello.Members < 0 {
		return fmt.Errorf("%d members", j.Hello.Members)
	}
	return errors.Join(checkNames(j.Hello.Name, j.Hello.Version), checkList(j.Hello.Listen, maxListed))
}

func (a JoinAnswer) check() error {
	return errors.Join(checkNames(a.Name, a.Version), checkList(a.Addresses, maxListed),
		checkList(a.Granted, maxListed), checkList(a.Appliances, maxMembers),
		within("admission", len(a.Admission), maxRecord), within("removals", max(len(a.Held), len(a.Vouched)), maxRulings))
}

func (s stored) check() error {
	if n := len(s.Consent); n != 0 && n != ed25519.SignatureSize {
		return fmt.Errorf("consent of %d bytes", n)
	}
	return nil
}

func (confirmed) check() error { return nil }
