package stream

import (
	"crypto/sha256"
	"hash"
)

// mark is a place between two chunks of a raw stream.
type mark struct {
	chunks uint64    // before it
	bytes  int64     // before it
	sum    hash.Hash // of them; never written to
}

func newMark() mark { return mark{sum: sha256.New()} }

// digest is the SHA-256 of what lies before m.
func (m mark) digest() bytes32 { return bytes32(m.sum.Sum(nil)) }

// after is where a chunk ends that begins at m.
func (m mark) after(chunk []byte) (mark, error) {
	sum, err := copied(m.sum)
	if err != nil {
		return mark{}, err
	}
	sum.Write(chunk)
	return mark{chunks: m.chunks + 1, bytes: m.bytes + int64(len(chunk)), sum: sum}, nil
}

// copied returns a hash that goes on where h is.
func copied(h hash.Hash) (hash.Hash, error) {
	c, ok := h.(hash.Cloner)
	if !ok {
		return nil, ErrMisuse
	}
	return c.Clone()
}
