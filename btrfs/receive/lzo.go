package receive

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var errLZO = errors.New("lzo data is damaged")

// unlzo decodes an extent as fs/btrfs/lzo.c writes it: the length of it all,
// then for each sector of data its compressed length and the LZO1X stream. All
// lengths are 32 bits, little endian. A length never crosses the end of a
// sector of the compressed data; zeros are put before it instead.
func unlzo(dst, src []byte, sector int) (int, error) {
	const word = 4
	if len(src) < word {
		return 0, errLZO
	}
	total := binary.LittleEndian.Uint32(src)
	if total < word || uint64(total) > uint64(len(src)) {
		return 0, fmt.Errorf("%w: total length %d of %d", errLZO, total, len(src))
	}
	src = src[:total]
	done := 0
	for at := word; done < len(dst) && at+word <= len(src); {
		size := int(binary.LittleEndian.Uint32(src[at:]))
		at += word
		if size < 0 || size > len(src)-at {
			return 0, fmt.Errorf("%w: segment of %d bytes", errLZO, size)
		}
		n, err := lzo1x(dst[done:min(done+sector, len(dst))], src[at:at+size])
		if err != nil {
			return 0, err
		}
		done, at = done+n, at+size
		if left := sector - at%sector; left < word {
			at += left
		}
	}
	return done, nil
}

// lzoState is how many literals came with the last match, 0 to 3; the meaning of
// small instructions depends on it.
type lzoState int

const (
	lzoStart    lzoState = 0 // no literals since the last match
	lzoLiterals lzoState = 4 // a run of literals
)

// lzoReader decodes one LZO1X stream. See lzo1x_decompress_safe.c and
// Documentation/staging/lzo.rst of the kernel.
type lzoReader struct {
	in, out []byte
	ip, op  int
	state   lzoState
}

// lzo1x decodes src into dst and returns the number of bytes.
func lzo1x(dst, src []byte) (int, error) {
	r := &lzoReader{in: src, out: dst}
	if err := r.first(); err != nil {
		return 0, err
	}
	for {
		more, err := r.step()
		if err != nil || !more {
			return r.op, err
		}
	}
}

// first handles the first byte, which above 17 is a number of literals.
func (r *lzoReader) first() error {
	if len(r.in) == 0 {
		return errLZO
	}
	if r.in[0] <= 17 {
		return nil
	}
	n := int(r.in[0]) - 17
	r.ip++
	if err := r.literals(n); err != nil {
		return err
	}
	r.state = min(lzoState(n), lzoLiterals)
	return nil
}

// step decodes one instruction. It returns false after the last one.
func (r *lzoReader) step() (bool, error) {
	b, err := r.byte()
	switch {
	case err != nil:
		return false, err
	case b >= 64:
		return true, r.near(b)
	case b >= 32:
		return true, r.middle(b)
	case b >= 16:
		return r.far(b)
	case r.state == lzoStart:
		return true, r.run(b)
	}
	return true, r.tiny(b)
}

// run copies a run of literals.
func (r *lzoReader) run(b int) error {
	n, err := r.length(b, 15)
	if err != nil {
		return err
	}
	r.state = lzoLiterals
	return r.literals(n + 3)
}

// tiny is a match of 2 bytes within 1 KiB or, after a run of literals, of 3
// bytes within 3 KiB.
func (r *lzoReader) tiny(b int) error {
	next, err := r.byte()
	if err != nil {
		return err
	}
	distance, n := 1+b>>2+next<<2, 2
	if r.state == lzoLiterals {
		distance, n = distance+2048, 3
	}
	return r.match(distance, n, b&3)
}

// near is a match of 3 to 8 bytes within 2 KiB.
func (r *lzoReader) near(b int) error {
	next, err := r.byte()
	if err != nil {
		return err
	}
	return r.match(1+b>>2&7+next<<3, b>>5+1, b&3)
}

// middle is a match of any length within 16 KiB.
func (r *lzoReader) middle(b int) error {
	n, err := r.length(b&31, 31)
	if err != nil {
		return err
	}
	word, err := r.word()
	if err != nil {
		return err
	}
	return r.match(1+word>>2, n+2, word&3)
}

// far is a match of any length from 16 to 48 KiB back. At distance 16 KiB it is
// the end of the stream.
func (r *lzoReader) far(b int) (bool, error) {
	n, err := r.length(b&7, 7)
	if err != nil {
		return false, err
	}
	word, err := r.word()
	if err != nil {
		return false, err
	}
	distance := b&8<<11 + word>>2
	if distance == 0 {
		return false, nil
	}
	return true, r.match(distance+16384, n+2, word&3)
}

// length extends a length of 0 by the bytes that follow: 255 for each zero byte,
// and the first other one on top of base.
func (r *lzoReader) length(n, base int) (int, error) {
	if n != 0 {
		return n, nil
	}
	for {
		b, err := r.byte()
		if err != nil {
			return 0, err
		}
		if b != 0 {
			return n + base + b, nil
		}
		if n += 255; n > len(r.out) {
			return 0, errLZO
		}
	}
}

// match copies n bytes from distance back, which may overlap, and the literals
// that follow.
func (r *lzoReader) match(distance, n, literals int) error {
	if distance > r.op || n > len(r.out)-r.op {
		return errLZO
	}
	for range n {
		r.out[r.op] = r.out[r.op-distance]
		r.op++
	}
	r.state = lzoState(literals)
	return r.literals(literals)
}

func (r *lzoReader) literals(n int) error {
	if n > len(r.in)-r.ip || n > len(r.out)-r.op {
		return errLZO
	}
	copy(r.out[r.op:], r.in[r.ip:r.ip+n])
	r.ip += n
	r.op += n
	return nil
}

func (r *lzoReader) byte() (int, error) {
	if r.ip >= len(r.in) {
		return 0, errLZO
	}
	r.ip++
	return int(r.in[r.ip-1]), nil
}

func (r *lzoReader) word() (int, error) {
	if len(r.in)-r.ip < 2 {
		return 0, errLZO
	}
	r.ip += 2
	return int(binary.LittleEndian.Uint16(r.in[r.ip-2:])), nil
}
