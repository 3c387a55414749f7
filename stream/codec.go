package stream

import (
	"fmt"

	"github.com/klauspost/compress"
	"github.com/klauspost/compress/zstd"
)

const (
	estimated    = 64 << 10 // bytes of a chunk that are looked at before compressing
	compressible = 0.02     // compress.Estimate below this: not worth the CPU
	decodeWindow = 8 << 20  // bytes: larger zstd windows are refused at the header
)

// encoder is the compressor of one worker. It belongs to one goroutine and
// starts none.
type encoder struct {
	fastest, standard *zstd.Encoder
	out               []byte // of the last chunk
}

func newEncoder() (*encoder, error) {
	fastest, err := newZstd(zstd.SpeedFastest)
	if err != nil {
		return nil, err
	}
	standard, err := newZstd(zstd.SpeedDefault)
	return &encoder{fastest: fastest, standard: standard}, err
}

// newZstd allocates little before the first chunk.
func newZstd(l zstd.EncoderLevel) (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(l), zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
}

// encode returns raw compressed at l, which is not levelRaw. The result is good
// until the next call.
func (e *encoder) encode(l level, raw []byte) []byte {
	with := e.fastest
	if l == levelDefault {
		with = e.standard
	}
	e.out = with.EncodeAll(raw, e.out[:0])
	return e.out
}

// newDecoder makes the decompressor of one lane. It never yields more than
// the capacity of its destination, and starts no goroutine.
func newDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(decodeWindow), zstd.WithDecodeAllCapLimit(true))
}

// worthwhile guesses from its first part whether raw can be compressed. Streams
// of extents that are compressed on disk pass: what pads them to sectors, and
// the commands between them, still give 3 to 20 percent, if there is time.
func worthwhile(raw []byte) bool {
	return compress.Estimate(raw[:min(len(raw), estimated)]) >= compressible
}

// unpack decodes the payload of h into dst, whose capacity must be at least
// h.raw, and checks length and sum. The error wraps ErrBadStream.
func unpack(dec *zstd.Decoder, dst []byte, h chunkHeader, payload []byte) ([]byte, error) {
	out, err := expand(dec, dst[:0:h.raw], h.encoding, payload)
	if err != nil {
		return nil, fmt.Errorf("chunk %d: %w: %w", h.number, ErrBadStream, err)
	}
	return out, checkChunk(h, out)
}

// checkChunk compares a chunk with its header. The error wraps ErrBadStream.
func checkChunk(h chunkHeader, raw []byte) error {
	if len(raw) != h.raw {
		return fmt.Errorf("chunk %d of %d bytes decodes to %d: %w", h.number, h.raw, len(raw), ErrBadStream)
	}
	if castagnoli(raw) != h.sum {
		return fmt.Errorf("chunk %d: checksum differs: %w", h.number, ErrBadStream)
	}
	return nil
}

func expand(dec *zstd.Decoder, dst []byte, e encoding, payload []byte) ([]byte, error) {
	if e == encodingRaw {
		return append(dst, payload...), nil
	}
	return dec.DecodeAll(payload, dst)
}
