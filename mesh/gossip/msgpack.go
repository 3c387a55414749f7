package gossip

import (
	"encoding/binary"
	"fmt"
	"io"
)

// readStateHeader reads memberlist's pushPullHeader, a map of MessagePack:
//
//	{"Nodes": int, "UserStateLen": int, "Join": bool}
//
// in any order, each key at most once. It takes no more forms than the encoder
// of memberlist gives.
func readStateHeader(r io.Reader) (nodes, note uint64, err error) {
	h := header{r: r}
	size := h.byte() ^ 0x80 // fixmap
	if size > 3 {
		return 0, 0, fmt.Errorf("%w: header is no small map", errMessage)
	}
	got := map[string]uint64{}
	for ; size > 0 && h.err == nil; size-- {
		key := h.text()
		if _, again := got[key]; again {
			return 0, 0, fmt.Errorf("%w: header repeats %q", errMessage, key)
		}
		got[key] = h.scalar()
	}
	return got["Nodes"], got["UserStateLen"], h.err
}

// header reads small values until the first error, then zeros.
type header struct {
	r   io.Reader
	err error
}

func (h *header) bytes(n int) []byte {
	b := make([]byte, n)
	if h.err == nil {
		_, h.err = io.ReadFull(h.r, b)
	}
	return b
}

func (h *header) byte() byte { return h.bytes(1)[0] }

// text reads a fixstr.
func (h *header) text() string {
	size := h.byte() ^ 0xa0
	if size > 31 {
		h.fail()
		return ""
	}
	return string(h.bytes(int(size)))
}

// scalar reads a bool or an integer. A negative one comes out too large for
// any limit.
func (h *header) scalar() uint64 {
	switch b := h.byte(); b {
	case 0xc2, 0xc3: // false, true
		return uint64(b & 1)
	case 0xcc, 0xd0: // uint8, int8
		return h.integer(1, b >= 0xd0)
	case 0xcd, 0xd1:
		return h.integer(2, b >= 0xd0)
	case 0xce, 0xd2:
		return h.integer(4, b >= 0xd0)
	case 0xcf, 0xd3:
		return h.integer(8, b >= 0xd0)
	default:
		if b > 0x7f { // no positive fixint
			h.fail()
		}
		return uint64(b)
	}
}

func (h *header) integer(size int, signed bool) uint64 {
	var b [8]byte
	copy(b[8-size:], h.bytes(size))
	n := binary.BigEndian.Uint64(b[:])
	if signed && n>>(8*size-1) != 0 {
		h.fail()
	}
	return n
}

func (h *header) fail() {
	if h.err == nil {
		h.err = fmt.Errorf("%w: header of a state", errMessage)
	}
}
