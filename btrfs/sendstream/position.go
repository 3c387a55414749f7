package sendstream

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// Position is how far a stream has been applied, in terms that still hold when
// the same snapshot is sent anew. The metadata commands are the same then, and
// are counted. The data commands need not be, since balance and defragmentation
// cut extents anew: of them only the file and the offset count. The zero value
// is the beginning; any other has at least one metadata command, the first.
type Position struct {
	Meta    uint64 // metadata commands applied
	DataEnd uint64 // end of the data applied since the last of them, bytes in its file; 0: none was
	File    uint64 // tells the file of that data, by its path; 0: there is none

	// Bytes of stream up to here, its header included, as it was cut then. It
	// serves to show progress and is never compared.
	Bytes int64

	Fingerprint Fingerprint // of the metadata commands
}

// positionForm is the text of a Position: lower case, each number at its full
// length.
const positionForm = "%016x-%016x-%016x-%016x-%016x%016x"

// PositionTextLen is the length of the text of a Position.
const PositionTextLen = 4*17 + 32

// maxOffset bounds what is read as a number of bytes, so that sums of two fit.
const maxOffset = 1 << 62

// IsZero reports whether p is the beginning of a stream.
func (p Position) IsZero() bool { return p.Meta == 0 }

// String returns the text of p, fit for the name of a file.
func (p Position) String() string {
	return fmt.Sprintf(positionForm, p.Meta, p.DataEnd, p.File, p.Bytes, p.Fingerprint[0], p.Fingerprint[1])
}

// ParsePosition reads what String wrote, and nothing else.
func ParsePosition(s string) (Position, error) {
	if len(s) != PositionTextLen {
		return Position{}, fmt.Errorf("parse position %.200q: want %d characters, have %d", s, PositionTextLen, len(s))
	}
	part := strings.Split(s, "-")
	if len(part) != 5 {
		return Position{}, fmt.Errorf("parse position %q: want 5 parts, have %d", s, len(part))
	}
	raw, err := hex.DecodeString(strings.Join(part, ""))
	if err != nil {
		return Position{}, fmt.Errorf("parse position %q: %w", s, err)
	}
	n := func(i int) uint64 { return binary.BigEndian.Uint64(raw[8*i:]) }
	p := Position{Meta: n(0), DataEnd: n(1), File: n(2), Bytes: int64(n(3)), Fingerprint: Fingerprint{n(4), n(5)}}
	if p.DataEnd > maxOffset || p.Bytes < 0 || p.Bytes > maxOffset {
		return Position{}, fmt.Errorf("parse position %q: a number is out of range", s)
	}
	if p.String() != s {
		return Position{}, fmt.Errorf("parse position %q: it is not in its one form", s)
	}
	return p, nil
}

// MarshalText returns the text of String.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *Position) UnmarshalText(text []byte) error {
	v, err := ParsePosition(string(text))
	if err != nil {
		return err
	}
	*p = v
	return nil
}
