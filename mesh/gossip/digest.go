package gossip

import (
	"errors"

	"btrmesh/certs"
)

// mark is the beginning of a digest of records, enough to see a difference.
type mark [8]byte

func markOf(digest [32]byte) mark { return mark(digest[:len(mark{})]) }

// A note goes with each exchange of state, since memberlist does not say whom
// it exchanged it with:
//
//	u8 version = 1, sender's ID (32 bytes), digest of its records (32 bytes)
//
// What follows is ignored, and so is a note of another version. The answer to a
// probe carries the mark alone, 8 bytes.
const (
	noteVersion = 1
	noteSize    = 1 + len(certs.ID{}) + 32
	maxNote     = 256 // of later versions
)

var errNote = errors.New("malformed note with a state")

func appendNote(b []byte, sender certs.ID, digest [32]byte) []byte {
	b = append(b, noteVersion)
	b = append(b, sender[:]...)
	return append(b, digest[:]...)
}

func parseNote(b []byte) (sender certs.ID, m mark, err error) {
	if len(b) < noteSize || b[0] != noteVersion {
		return certs.ID{}, mark{}, errNote
	}
	copy(sender[:], b[1:])
	copy(m[:], b[1+len(sender):])
	return sender, m, nil
}
