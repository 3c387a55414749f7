package btrfs

import (
	"fmt"
	"math/bits"

	"btrmesh/btrfs/sendstream"
)

// reading is a stretch of a file that has to be read, into the room that a
// command has for it. Offset and length are in bytes of the file.
type reading struct {
	ino     uint64
	offset  int64
	length  int
	packed  bool    // some of it is compressed on the disk
	encoded encoded // to be read as it is there; zero: as content
}

// encoded is how an extent is stored that goes as it is.
type encoded struct {
	stored      int // bytes; 0: it does not
	ram, into   uint64
	compression uint32 // BTRFS_ENCODED_IO_COMPRESSION_*
}

// content turns the extents of one file after the other into commands. What is
// sent plain goes by ranges of the file, however many extents they are made of.
type content struct {
	form   fullForm
	out    composition
	twice  seenTwice
	sent   sentParts
	pathOf func(ino uint64) ([]byte, error)

	ino, size uint64
	path      []byte
	end       uint64 // of all content so far
	plain     plainRange
	source    cloneSource // of the last clone
}

// plainRange is a range of the file that has still to be written.
type plainRange struct {
	from, to uint64
	packed   bool
}

// cloneSource is a file that something was cloned from.
type cloneSource struct {
	ino  uint64
	path []byte
}

// begin goes on to the next file.
func (c *content) begin(ino, size uint64, path []byte) {
	c.ino, c.size, c.path, c.end, c.plain = ino, size, path, 0, plainRange{}
}

// add takes the next extent of the file.
func (c *content) add(it item) error {
	e, ok := fileExtentOf(it)
	if !ok {
		return fmt.Errorf("an extent item is cut: %w", errShortItem)
	}
	length := uint64(e.within(c.size))
	isHole := e.kind == extentPrealloc || e.kind != extentInline && e.disk == 0
	if isHole || length == 0 {
		return nil
	}
	if e.offset < c.end {
		return fmt.Errorf("extents overlap at byte %d", e.offset)
	}
	defer func() { c.end = e.offset + length }()
	if e.kind == extentInline {
		return c.inline(e, length, it.data[inlineHeader:])
	}
	return c.regular(e, length, it.transID <= c.form.settled)
}

// inline adds an extent that lies in its leaf.
func (c *content) inline(e fileExtent, length uint64, data []byte) error {
	switch {
	case !e.compressed && uint64(len(data)) >= length:
		if err := c.flush(); err != nil {
			return err
		}
		return c.write(e.offset, data[:length])
	case c.form.packed && uint64(len(data)) <= length && len(data) > 0:
		if err := c.flush(); err != nil {
			return err
		}
		command := c.encodedWrite(e, e.offset, length, 0)
		command.Data = data
		return c.out.add(&command)
	}
	return c.later(e, length)
}

// regular adds length bytes of an extent, shared as far as that can be.
func (c *content) regular(e fileExtent, length uint64, settled bool) error {
	if !settled || !c.twice.maybe(e) {
		return c.own(e, length)
	}
	for length > 0 {
		from, n, sent := c.sent.find(e.id(), e.into, length, c.form.sector)
		var err error
		if sent {
			err = c.clone(e.offset, n, from)
		} else {
			c.sent.add(e.id(), sentPart{into: e.into, end: e.into + n, ino: c.ino, offset: e.offset})
			err = c.own(e, n)
		}
		if err != nil {
			return err
		}
		e.offset, e.into, length = e.offset+n, e.into+n, length-n
	}
	return nil
}

// own adds length bytes that nothing before has. An extent goes as it is unless
// it takes more then, as process_extent of fs/btrfs/send.c decides.
func (c *content) own(e fileExtent, length uint64) error {
	if !c.form.packed || !e.compressed || e.stored > min(length, encodedMost) || e.ram > encodedMost {
		return c.later(e, length)
	}
	if err := c.flush(); err != nil {
		return err
	}
	command := c.encodedWrite(e, e.offset, length, e.into)
	return c.out.addRead(&command, reading{
		ino: c.ino, offset: int64(e.offset), length: int(e.stored), packed: true,
		encoded: encoded{int(e.stored), e.ram, e.into, command.Compression},
	})
}

const (
	inlineHeader = 21        // what an item has before the content of an inline extent
	encodedMost  = 128 << 10 // BTRFS_MAX_COMPRESSED and BTRFS_MAX_UNCOMPRESSED
)

func (c *content) encodedWrite(e fileExtent, offset, length, into uint64) sendstream.Command {
	return sendstream.Command{
		Type: sendstream.CmdEncodedWrite, Path: c.path, FileOffset: offset,
		UnencodedFileLen: length, UnencodedLen: e.ram, UnencodedOffset: into,
		Compression: encodedAs(e.coding, c.form.sector),
	}
}

// encodedAs turns a BTRFS_COMPRESS_* of a tree into a
// BTRFS_ENCODED_IO_COMPRESSION_*, of which LZO has one for each size of a sector.
func encodedAs(coding uint8, sector uint64) uint32 {
	switch coding {
	case 1: // zlib
		return 1
	case 2: // LZO: from 3 on, with sectors of 4 KiB
		return 3 + uint32(bits.Len64(sector)-bits.Len64(4<<10))
	case 3: // zstd
		return 2
	}
	return 0
}

func (c *content) clone(offset, length uint64, from sentPart) error {
	if err := c.flush(); err != nil {
		return err
	}
	path, err := c.pathOfSource(from.ino)
	if err != nil {
		return err
	}
	return c.out.add(&sendstream.Command{
		Type: sendstream.CmdClone, Path: c.path, FileOffset: offset, CloneLen: length,
		CloneUUID: c.form.uuid, CloneCTransID: c.form.ctransid, ClonePath: path, CloneOffset: from.offset,
	})
}

func (c *content) pathOfSource(ino uint64) ([]byte, error) {
	if ino == c.ino {
		return c.path, nil
	}
	if ino != c.source.ino {
		path, err := c.pathOf(ino)
		if err != nil {
			return nil, err
		}
		c.source = cloneSource{ino, path}
	}
	return c.source.path, nil
}

// later puts length bytes off until the range they are in ends.
func (c *content) later(e fileExtent, length uint64) error {
	if e.offset != c.plain.to {
		if err := c.flush(); err != nil {
			return err
		}
		c.plain = plainRange{from: e.offset}
	}
	c.plain.to = e.offset + length
	c.plain.packed = c.plain.packed || e.compressed
	return nil
}

// flush adds the range that was put off.
func (c *content) flush() error {
	chunk := uint64(48 << 10)
	if c.form.version >= 2 {
		chunk = 128 << 10
	}
	for r := &c.plain; r.from < r.to; {
		n := min(chunk, r.to-r.from)
		command := sendstream.Command{Type: sendstream.CmdWrite, Path: c.path, FileOffset: r.from}
		err := c.out.addRead(&command, reading{ino: c.ino, offset: int64(r.from), length: int(n), packed: r.packed})
		if err != nil {
			return err
		}
		r.from += n
	}
	c.plain = plainRange{}
	return nil
}

func (c *content) write(offset uint64, data []byte) error {
	return c.out.add(&sendstream.Command{Type: sendstream.CmdWrite, Path: c.path, FileOffset: offset, Data: data})
}

// finish adds the rest of the file. Where its content ends before it does, it is
// told its size.
func (c *content) finish() error {
	if err := c.flush(); err != nil || c.end >= c.size {
		return err
	}
	return c.out.add(&sendstream.Command{Type: sendstream.CmdTruncate, Path: c.path, Length: c.size})
}
