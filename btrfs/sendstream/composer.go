package sendstream

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Composer makes a stream in memory, piece by piece, and leaves room in it for
// file content that is read later. It refuses what a [Reader] would refuse, and
// for a receiver that has applied the stream up to a position before, it composes
// the rest only, as [CopyFrom] relays it. It is not safe for concurrent use.
type Composer struct {
	enc    Encoder
	over   *skip // nil: nothing is left out any more
	stats  Stats
	offset int64 // in the whole stream
}

// NewComposer returns a Composer of a stream that a receiver has applied up to a
// position, the zero one if it has nothing yet.
func NewComposer(version uint32, from Position) *Composer {
	c := &Composer{enc: Encoder{version: version}, offset: headerSize}
	if from.IsZero() {
		c.enc = *NewEncoder(version)
		return c
	}
	over := skipTo(from)
	c.over = &over
	return c
}

// Room is where in a piece the data of a command is to go.
type Room struct {
	start, data, end int
}

// Len is the number of bytes of data it is for.
func (r Room) Len() int { return r.end - r.data }

// In returns the room itself in the piece that it was made in.
func (r Room) In(piece []byte) []byte { return piece[r.data:r.end:r.end] }

// Seal makes the command in piece good once its data is there.
func (r Room) Seal(piece []byte) {
	raw := piece[r.start:r.end]
	binary.LittleEndian.PutUint32(raw[6:], commandCRC(raw))
}

// Add adds a command, of which Offset, Size and CRC are filled in. ErrDiverged
// says that the stream is not the one that was begun. After an error, the
// Composer is of no use.
func (c *Composer) Add(cmd *Command) error {
	if err := c.check(cmd); err != nil {
		return err
	}
	start := len(c.enc.buf)
	if err := c.enc.Append(cmd); err != nil {
		return err
	}
	_, err := c.admit(cmd, start)
	return err
}

// AddRoom adds a write or an encoded write whose data, size bytes of it, is to
// come: before the piece goes out, it has to be put into the room, and the room
// sealed. It is not wanted if the receiver has it already.
func (c *Composer) AddRoom(cmd *Command, size int) (room Room, wanted bool, err error) {
	start := len(c.enc.buf)
	if err := c.enc.appendRoom(cmd, size); err != nil {
		return Room{}, false, err
	}
	if err := c.check(cmd); err != nil {
		return Room{}, false, err
	}
	end := len(c.enc.buf)
	shift, err := c.admit(cmd, start)
	if err != nil || len(c.enc.buf) == start {
		return Room{}, false, err
	}
	return Room{start + shift, end - size + shift, end + shift}, true, nil
}

func (c *Composer) check(cmd *Command) error {
	if !cmd.Type.known() || c.enc.version < layouts[cmd.Type].version {
		return fmt.Errorf("compose %v: %s", cmd.Type, ruleUnknownCommand)
	}
	if err := layouts[cmd.Type].check(cmd); err != nil {
		return fmt.Errorf("compose %v: %w", cmd.Type, err)
	}
	return nil
}

// admit counts the command at start and takes it out again if the receiver has
// it. The first one that stays moves by the length of the header.
func (c *Composer) admit(cmd *Command, start int) (shift int, err error) {
	raw := c.enc.buf[start:]
	cmd.Offset, cmd.Size = c.offset, len(raw)
	cmd.CRC = binary.LittleEndian.Uint32(raw[6:])
	c.offset += int64(len(raw))
	c.stats.Add(cmd)
	if c.over == nil {
		return 0, nil
	}
	dropped, err := c.over.drops(cmd)
	if dropped || err != nil {
		c.stats.Skipped += int64(len(raw))
		c.enc.buf = c.enc.buf[:start]
		return 0, err
	}
	c.over = nil
	c.enc.buf = slices.Insert(c.enc.buf, start, NewEncoder(c.enc.version).Bytes()...)
	return headerSize, nil
}

// Len is the number of bytes of the piece so far.
func (c *Composer) Len() int { return len(c.enc.buf) }

// Take returns the piece so far, whole commands only, and begins the next one in
// the memory of empty.
func (c *Composer) Take(empty []byte) []byte {
	piece := c.enc.buf
	c.enc.buf = empty[:0]
	return piece
}

// Stats returns the sums of the whole stream so far, which count as those of
// CopyFrom do.
func (c *Composer) Stats() Stats {
	s := c.stats
	s.Version = c.enc.version
	s.Bytes += headerSize
	return s
}
