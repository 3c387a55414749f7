package plan

import (
	"fmt"

	"btrmesh/btrfs"
)

// Stream tells send streams apart: equal ones are made of the same bytes.
type Stream struct {
	Snapshot   btrfs.UUID
	Parent     btrfs.UUID // zero: a full stream
	Version    uint32     // of the format
	Compressed bool       // extents go as they are on disk
	From       string     // position at which it begins; "": its beginning
}

// Sender is a live run, as far as it has come towards its first byte.
type Sender struct {
	Task      string
	Pool      btrfs.UUID
	Share     string     // in Pool
	Reachable bool       // its target is known to answer
	Snapshot  btrfs.UUID // what it sends; zero: not known yet
	Stream    Stream     // zero: not known yet
}

// Bond is what two runs have to do with each other.
type Bond uint8

// The kinds of Bond.
const (
	Together Bond = 1 // they send the same stream
	Awaited  Bond = 2 // the other one may turn out to
	Apart    Bond = 3
)

// String returns "together", "awaited" or "apart".
func (b Bond) String() string {
	switch b {
	case Together:
		return "together"
	case Awaited:
		return "awaited"
	case Apart:
		return "apart"
	}
	return fmt.Sprintf("bond %d", uint8(b))
}

// Company decides whether a run that is ready to send does so with another, or
// had better wait for it. The reason is for a person.
func Company(ready, other Sender) (Bond, string) {
	switch {
	case ready.Pool != other.Pool || ready.Share != other.Share:
		return Apart, "another share"
	case other.Stream == ready.Stream:
		return Together, "the same stream"
	case other.Stream != Stream{}:
		return Apart, ready.Stream.differs(other.Stream)
	case !other.Reachable:
		return Apart, "its target is not known to answer"
	case other.Snapshot.IsZero():
		return Awaited, "it has no snapshot yet"
	case other.Snapshot != ready.Stream.Snapshot:
		return Apart, "another snapshot"
	}
	return Awaited, "it asks its target where to begin"
}

// differs says what keeps two streams apart.
func (s Stream) differs(o Stream) string {
	switch {
	case s.Snapshot != o.Snapshot:
		return "another snapshot"
	case s.Parent != o.Parent:
		return "another base"
	case s.Version != o.Version || s.Compressed != o.Compressed:
		return "another format"
	}
	return "another position"
}
