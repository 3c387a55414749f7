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

// newEncoder makes the compressor of one worker. It starts no goroutine.
func newEncoder() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
}

// newDecoder makes the decompressor of one lane. It never yields more than
// the capacity of its destination, and starts no goroutine.
func newDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(decodeWindow), zstd.WithDecodeAllCapLimit(true))
}

// worthwhile guesses from its first part whether raw can be compressed.
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
	if len(out) != h.raw {
		return nil, fmt.Errorf("chunk %d of %d bytes decodes to %d: %w", h.number, h.raw, len(out), ErrBadStream)
	}
	if castagnoli(out) != h.sum {
		return nil, fmt.Errorf("chunk %d: checksum differs: %w", h.number, ErrBadStream)
	}
	return out, nil
}

func expand(dec *zstd.Decoder, dst []byte, e encoding, payload []byte) ([]byte, error) {
	if e == encodingRaw {
		return append(dst, payload...), nil
	}
	return dec.DecodeAll(payload, dst)
}
