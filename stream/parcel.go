package stream

import "sync/atomic"

// parcel is one chunk on its way to every session that follows a feed. Until
// it is packed it belongs to the feed and one worker; from then on nothing of
// it changes. It lives as long as somebody keeps it.
type parcel struct {
	header chunkHeader
	level  level        // that the chunk has got
	block  []byte       // memory of the chunk: raw until packed, then what is sent
	packed atomic.Bool  // header and block are final
	keeps  atomic.Int32 // who needs it: the feed while packing, sessions, lanes
	from   *blocks
}

// size is how many bytes are kept.
func (c *parcel) size() int { return len(c.block) }

func (c *parcel) keep() { c.keeps.Add(1) }

// release ends one keep; the last one gives the memory back.
func (c *parcel) release() {
	if c.keeps.Add(-1) == 0 {
		c.from.put(c.block)
		c.block = nil
	}
}

// pack compresses the chunk at l if that pays and completes the header. Only
// the form that is sent is kept, in no more memory than it needs.
func (c *parcel) pack(enc *encoder, l level) {
	raw := c.block
	c.level = levelRaw
	c.header.encoded, c.header.encoding, c.header.sum = len(raw), encodingRaw, castagnoli(raw)
	if l == levelRaw || !worthwhile(raw) {
		return
	}
	small := enc.encode(l, raw)
	if len(small) >= len(raw) {
		return
	}
	c.level = l
	c.header.encoded, c.header.encoding = len(small), encodingZstd
	c.block = append(c.from.get(len(small)), small...)
	c.from.put(raw)
}
