package gossip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// message is the first byte of what memberlist sends (its net.go).
type message byte

// The messages of memberlist this package knows. Others it drops: compressed
// ones (9) may unpack to 40 MiB, encrypted ones (10) need a key nobody has.
const (
	msgPing         message = 0
	msgIndirectPing message = 1
	msgAck          message = 2
	msgSuspect      message = 3
	msgAlive        message = 4
	msgDead         message = 5
	msgPushPull     message = 6
	msgCompound     message = 7
	msgUser         message = 8
	msgNack         message = 11
	msgCRC          message = 12
	msgError        message = 13
)

// errMessage: memberlist will not get this to parse.
var errMessage = errors.New("message refused")

// maxPacketIn is more than any version sends, in bytes.
const maxPacketIn = 2048

// packetAllowed reports whether a packet, behind the prefix, is made of messages
// that members send in packets: one, or a compound of them, with or without a
// checksum around.
func packetAllowed(b []byte) bool {
	if len(b) > maxPacketIn {
		return false
	}
	if len(b) > crcOverhead && message(b[0]) == msgCRC {
		b = b[crcOverhead:]
	}
	if len(b) > 1 && message(b[0]) == msgCompound {
		return partsAllowed(b[1], b[2:])
	}
	return singleAllowed(b)
}

// carriesNews reports whether an allowed packet is more than a question or an
// answer: memberlist puts what else it sends beside them into a compound.
func carriesNews(b []byte) bool {
	switch message(b[0]) {
	case msgPing, msgIndirectPing, msgAck, msgNack:
		return false
	default:
		return true
	}
}

// partsAllowed checks n parts: their u16 lengths, then all of them. memberlist
// takes what there is of a truncated compound, we do not.
func partsAllowed(n byte, b []byte) bool {
	if len(b) < 2*int(n) {
		return false
	}
	sizes, rest := b[:2*int(n)], b[2*int(n):]
	for ; len(sizes) > 0; sizes = sizes[2:] {
		size := int(binary.BigEndian.Uint16(sizes))
		if size > len(rest) || !singleAllowed(rest[:size]) {
			return false
		}
		rest = rest[size:]
	}
	return true
}

func singleAllowed(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	switch message(b[0]) {
	case msgPing, msgIndirectPing, msgAck, msgSuspect, msgAlive, msgDead, msgUser, msgNack:
		return true
	default:
		return false
	}
}

const (
	maxNodes    = 4096    // members in one exchange of state
	maxNodeText = 1 << 10 // bytes of one; memberlist's names, meta and field names take 800
	maxSmall    = 1 << 10 // bytes of any other message on a stream
)

var (
	requests = map[message]bool{msgPing: true, msgPushPull: true}
	replies  = map[message]bool{msgAck: true, msgPushPull: true, msgError: true}
)

// streamHead reads the beginning of what came on a stream and returns how many
// bytes of it memberlist may read in all. It refuses a state that announces
// more than a mesh has; memberlist would allocate 150 MB for it at once.
func streamHead(r io.Reader, allowed map[message]bool) (int64, error) {
	var kind [1]byte
	if _, err := io.ReadFull(r, kind[:]); err != nil {
		return 0, err
	}
	if !allowed[message(kind[0])] {
		return 0, fmt.Errorf("%w: kind %d", errMessage, kind[0])
	}
	if message(kind[0]) != msgPushPull {
		return maxSmall, nil
	}
	nodes, note, err := readStateHeader(r)
	if err != nil {
		return 0, err
	}
	if nodes > maxNodes || note > maxNote {
		return 0, fmt.Errorf("%w: a state of %d members and %d bytes", errMessage, nodes, note)
	}
	return int64(maxSmall + nodes*maxNodeText + note), nil
}
