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
func (h *header) text() string { return h.fixText(h.byte()) }

func (h *header) fixText(b byte) string {
	size := b ^ 0xa0
	if size > 31 {
		h.fail()
		return ""
	}
	return string(h.bytes(int(size)))
}

// nodeState reads what is needed of memberlist's pushNodeState, a map of texts,
// bytes and integers.
func (h *header) nodeState() (name string, incarnation uint32) {
	size := h.byte() ^ 0x80 // fixmap
	if size > 15 {
		h.fail()
		return "", 0
	}
	for ; size > 0 && h.err == nil; size-- {
		key := h.text()
		text, number := h.value()
		switch key {
		case "Name":
			name = text
		case "Incarnation":
			incarnation = uint32(number)
		}
	}
	return name, incarnation
}

// value reads nil, a text, bytes, a bool or an integer.
func (h *header) value() (text string, number uint64) {
	switch b := h.byte(); {
	case b == 0xc0: // nil
		return "", 0
	case b>>5 == 0xa0>>5: // fixstr
		return h.fixText(b), 0
	case b == 0xc4, b == 0xd9: // bin 8, str 8
		return string(h.bytes(int(h.integer(1, false)))), 0
	case b == 0xc5, b == 0xda: // bin 16, str 16
		return string(h.bytes(int(h.integer(2, false)))), 0
	default:
		return "", h.number(b)
	}
}

// scalar reads a bool or an integer. A negative one comes out too large for
// any limit.
func (h *header) scalar() uint64 { return h.number(h.byte()) }

// number reads what follows b, the kind of a bool or an integer.
func (h *header) number(b byte) uint64 {
	switch b {
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
