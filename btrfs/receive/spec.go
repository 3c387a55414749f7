package receive

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
)

// Spec is what one run may write, as source and target agreed on it.
type Spec struct {
	Source     string // appliance ID, its text
	SourceName string // its label, which names the directory; not identity
	Share      string // at the source; with Source the identity of the replica
	ShareUUID  btrfs.UUID
	Task       string
	Run        uint64 // unique to the source

	Snapshot btrfs.UUID // at the source; the stream must say the same
	CTransID uint64     // likewise
	Taken    time.Time  // by the source's clock

	// Parent is the UUID, at the source, of the snapshot the stream builds on.
	// Zero: the stream must be a full one.
	Parent btrfs.UUID

	// Own lists snapshots that were taken on this pool for the same share and may
	// be parent or clone source besides the replica's, by their own UUIDs. That is
	// how the way back after a failover is incremental. Usually nil.
	Own []btrfs.UUID

	// From is the position of the checkpoint that the stream goes on from: it is
	// what [btrfs.SendRequest] with the same From gives. Zero: the stream begins at
	// its beginning, and what is staged for the snapshot is removed.
	From sendstream.Position

	// MaxSpace bounds what the stream, from From on, may take on the disk, in bytes
	// of the commands that bring content or make something: what it removes and
	// renames is free. More gives sendstream.ErrTooMuch. 0: no limit.
	MaxSpace int64

	// Progress is told the stream bytes applied so far, at most every 100 ms, by
	// the goroutine that receives. What a checkpoint saves counts as applied, as
	// many bytes as it was the first time. It may be nil.
	Progress func(applied int64)
}

// maxID bounds the text of an appliance ID.
const maxID = 128

func (s *Spec) identity() Identity {
	return Identity{Snapshot: s.Snapshot, CTransID: s.CTransID, Parent: s.Parent}
}

// check refuses what could not become a path or a sidecar.
func (s *Spec) check() error {
	if err := checkID(s.Source); err != nil {
		return fmt.Errorf("source %.40q: %w", s.Source, err)
	}
	if _, err := component(s.SourceName + "-" + s.Source); err != nil || s.SourceName == "" {
		return fmt.Errorf("source name %.40q: %w", s.SourceName, errors.Join(err, errors.New("it cannot name a directory")))
	}
	if _, err := component(s.Share); err != nil {
		return fmt.Errorf("share %.40q: %w", s.Share, err)
	}
	for _, text := range []string{s.SourceName, s.Share, s.Task} {
		if !utf8.ValidString(text) {
			return fmt.Errorf("name %.40q is not UTF-8", text)
		}
	}
	if len(s.Task) > maxComponent {
		return fmt.Errorf("task %.40q... has more than %d bytes", s.Task, maxComponent)
	}
	if s.Snapshot.IsZero() || s.Taken.IsZero() {
		return errors.New("the snapshot has no UUID or no time")
	}
	return nil
}

// checkID accepts the characters an appliance ID is written with.
func checkID(id string) error {
	if len(id) < shortID || len(id) > maxID {
		return fmt.Errorf("an ID has %d to %d characters", shortID, maxID)
	}
	for _, c := range []byte(id) {
		digit, letter := '0' <= c && c <= '9', 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !digit && !letter && c != '-' {
			return fmt.Errorf("an ID has letters, digits and dashes, not %q", c)
		}
	}
	return nil
}
