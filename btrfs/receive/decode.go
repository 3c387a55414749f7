package receive

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"btrmesh/btrfs/sendstream"
)

const (
	sectorSize = 4096
	maxExtent  = 128 << 10 // BTRFS_MAX_UNCOMPRESSED: of one compressed extent, decoded
)

// BTRFS_ENCODED_IO_COMPRESSION_* of linux/btrfs.h.
const (
	compressionZlib   = 1
	compressionZstd   = 2
	compressionLZO4K  = 3
	compressionLZO64K = 7
)

// decoder decompresses extents into a buffer of its own. The zero value is ready.
type decoder struct {
	buf  []byte
	zstd *zstd.Decoder
}

// decode returns the bytes of the file that c stands for, valid until the next
// call. What the compressed data is short of is zeros, as in the kernel.
func (d *decoder) decode(c *sendstream.Command) ([]byte, error) {
	end := c.UnencodedOffset + c.UnencodedFileLen
	if c.UnencodedLen > maxExtent || c.UnencodedOffset > c.UnencodedLen || end > c.UnencodedLen {
		return nil, fmt.Errorf("bytes %d to %d of an extent of %d", c.UnencodedOffset, end, c.UnencodedLen)
	}
	if d.buf == nil {
		d.buf = make([]byte, maxExtent)
	}
	extent := d.buf[:c.UnencodedLen]
	n, err := d.decompress(extent, c.Data, c.Compression)
	if err != nil {
		return nil, err
	}
	clear(extent[n:])
	return extent[c.UnencodedOffset:end], nil
}

// decompress fills dst as far as src goes and returns how far. What follows the
// compressed data in src, the rest of a sector, is ignored.
func (d *decoder) decompress(dst, src []byte, compression uint32) (int, error) {
	switch {
	case compression == compressionZlib:
		return unzlib(dst, src)
	case compression == compressionZstd:
		return d.unzstd(dst, src)
	case compression >= compressionLZO4K && compression <= compressionLZO64K:
		return unlzo(dst, src, sectorSize<<(compression-compressionLZO4K))
	}
	return 0, fmt.Errorf("compression %d is not known", compression)
}

func unzlib(dst, src []byte) (int, error) {
	r, err := zlib.NewReader(bytes.NewReader(src))
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(r, dst)
	if err != nil && !shortExtent(n, err, io.ErrUnexpectedEOF) {
		return 0, err
	}
	return n, nil
}

// unzstd bounds the window by what btrfs uses, ZSTD_BTRFS_MAX_WINDOWLOG.
func (d *decoder) unzstd(dst, src []byte) (int, error) {
	if d.zstd == nil {
		r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxExtent), zstd.WithDecoderMaxMemory(maxExtent))
		if err != nil {
			return 0, err
		}
		d.zstd = r
	}
	if err := d.zstd.Reset(bytes.NewReader(src)); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(d.zstd, dst)
	if err != nil && !shortExtent(n, err, io.ErrUnexpectedEOF, zstd.ErrMagicMismatch) {
		return 0, err
	}
	return n, nil
}

// shortExtent reports whether err, after n bytes, only means that the compressed
// data ended before the extent.
func shortExtent(n int, err error, ends ...error) bool {
	for _, end := range ends {
		if n > 0 && errors.Is(err, end) {
			return true
		}
	}
	return false
}

// close releases the decoder, which may be used again.
func (d *decoder) close() {
	if d.zstd != nil {
		d.zstd.Close()
	}
	*d = decoder{}
}
