package stream

import (
	"errors"
	"fmt"
)

// Every stream begins with two bytes, protocol version and stream kind. A
// bidirectional one, but for the gossip's, goes on in frames (frame.go). A message is one CBOR map
// with integer keys; a key that is not known is ignored, a missing one is the
// zero value. None is longer than maxFrame.
//
// A run, on a stream of kind session (the source leads, whoever dialled):
//
//	source  hello, offer
//	target  have                 or refused
//	source  begin                unless the offer says unchanged
//	target  progress{applied 0}  go, or refused
//	source  chunks on the lanes (chunk.go)
//	target  progress             once a second and soon after chunks
//	source  end                  chunks may still be on their way, or be repeated
//	target  committed            or refused
//
// Either side may send abort at any time. Both close their direction last.
//
// Pairing, on a stream of kind pair:
//
//	joiner   join
//	inviter  joined, records…    or refused
//	joiner   stored
//	inviter  confirmed           or refused
//
// What begins a mesh connection is told in sync.go.
const protocolVersion = 1

// Protocol returns the protocol versions this program speaks.
func Protocol() Range { return Range{Min: protocolVersion, Max: protocolVersion} }

// streamKind is the second byte of a stream.
type streamKind uint8

const (
	kindSession streamKind = 1  // bidirectional: one run
	kindQuery   streamKind = 2  // bidirectional: one question
	kindLane    streamKind = 3  // unidirectional: chunks of one run
	kindPair    streamKind = 4  // bidirectional: one invite, pairing connections only
	kindGreet   streamKind = 5  // bidirectional: first on a mesh connection, once
	kindPacket  streamKind = 6  // unidirectional: one packet too large for a datagram
	kindGossip  streamKind = 7  // bidirectional: bytes of the gossip
	kindSink    streamKind = 9  // bidirectional: bytes to be thrown away (sink.go), on a connection of its own
	kindRecords streamKind = 8  // bidirectional: one exchange of membership records (sync.go)
	kindTunnel  streamKind = 10 // TCP alone: packets of one mesh connection (tunnel.go)
)

// Bounds of message fields.
const (
	maxName    = 255  // bytes of a name, version or address
	maxPath    = 4096 // bytes of a path
	maxLanes   = 16
	maxBody    = 60 << 10 // bytes of a query's or answer's body
	maxListed  = 64       // addresses, pools, shares in one message
	maxMembers = 512      // appliances in one joined
	maxRulings = 256      // removals of one standing in one joined
)

// message is what a frame carries. check refuses what decoding lets pass.
type message interface {
	frameType() frameType
	check() error
}

// hello opens a session: source → target, <= 600 B. On a stream of kind greet
// both sides send one, the dialler first, without token. Two instances under one
// key are two machines: a copied disk.
type hello struct {
	Protocol Range   `cbor:"1,keyasint"`
	Name     string  `cbor:"2,keyasint"` // the sender's appliance name, a label
	Version  string  `cbor:"3,keyasint"` // of the sender's software
	Token    bytes16 `cbor:"4,keyasint"` // names the session on its lanes
	Instance bytes16 `cbor:"5,keyasint"` // of the sender's state directory
	Boots    uint64  `cbor:"6,keyasint"` // how often the sender's daemon was started on it
	Digest   bytes32 `cbor:"7,keyasint"` // of the sender's records, when greeting
}

func (hello) frameType() frameType { return typeHello }

func (h hello) check() error { return checkNames(h.Name, h.Version) }

func checkNames(names ...string) error {
	for _, n := range names {
		if err := within("name", len(n), maxName); err != nil {
			return err
		}
	}
	return nil
}

func checkList(names []string, most int) error {
	return errors.Join(within("list", len(names), most), checkNames(names...))
}

func within(what string, n, most int) error {
	if n > most {
		return fmt.Errorf("%s of %d, at most %d", what, n, most)
	}
	return nil
}

func named(what, name string) error {
	if name == "" {
		return fmt.Errorf("no %s", what)
	}
	return nil
}

func notNegative(n int64) error {
	if n < 0 {
		return fmt.Errorf("%d bytes", n)
	}
	return nil
}
