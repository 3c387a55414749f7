package receive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
)

// checkpointAge is how long Sweep keeps a checkpoint that nobody has gone on from.
const checkpointAge = 7 * 24 * time.Hour

// Checkpoint is a state of a receive that was cut off, from which it can go on. On
// disk it is a read-only snapshot of the unfinished subvolume with all of this in
// its name, so that neither can be there without the other. It carries no
// received UUID.
type Checkpoint struct {
	At       sendstream.Position
	Identity           // of the stream that was being applied
	Made     time.Time // by this machine's clock

	name string // in its staging directory
	id   uint64 // of the subvolume; grows with time
}

// checkpointPrefix begins the name of a checkpoint, the text of the position and
// two numbers follow.
const checkpointPrefix = "ck-"

// checkpointName has the position and, of the identity, what the name of the
// staging directory does not have.
func checkpointName(at sendstream.Position, id Identity) string {
	return fmt.Sprintf("%s%v-%016x-%v", checkpointPrefix, at, id.CTransID, id.Parent)
}

// parseCheckpoint is false for a name that is no checkpoint's. Snapshot, Made and
// id stay zero.
func parseCheckpoint(name string) (Checkpoint, bool) {
	text, found := strings.CutPrefix(name, checkpointPrefix)
	if !found || len(text) < sendstream.PositionTextLen+len("-0123456789abcdef-") {
		return Checkpoint{}, false
	}
	at, err := sendstream.ParsePosition(text[:sendstream.PositionTextLen])
	if err != nil || at.IsZero() {
		return Checkpoint{}, false
	}
	number, uuid, _ := strings.Cut(text[sendstream.PositionTextLen+1:], "-")
	c := Checkpoint{At: at, name: name}
	if c.CTransID, err = strconv.ParseUint(number, 16, 64); err != nil {
		return Checkpoint{}, false
	}
	if c.Parent, err = btrfs.ParseUUID(uuid); err != nil {
		return Checkpoint{}, false
	}
	return c, checkpointName(at, c.Identity) == name
}

// Checkpoint returns the newest state from which the receive of a snapshot can
// go on, false if there is none. It goes with a stream of exactly its Identity
// only. Put its position into [btrfs.SendRequest] and [Spec].
func (t *Target) Checkpoint(ctx context.Context, source, share string, snapshot btrfs.UUID) (Checkpoint, bool, error) {
	c, found, err := t.checkpoint(ctx, stagingName(source, share, snapshot))
	if err != nil {
		return Checkpoint{}, false, fmt.Errorf("find checkpoint of %s: %w", share, err)
	}
	c.Snapshot = snapshot
	return c, found, nil
}

func (t *Target) checkpoint(ctx context.Context, name string) (Checkpoint, bool, error) {
	if ctx.Err() != nil {
		return Checkpoint{}, false, context.Cause(ctx)
	}
	incoming, err := t.pool.Dir(incomingName)
	if err != nil {
		return Checkpoint{}, false, err
	}
	defer release(incoming)
	dir, found, err := openStaging(incoming, name)
	if !found {
		return Checkpoint{}, false, err
	}
	defer release(dir)
	return newestCheckpoint(dir)
}

// newestCheckpoint returns the usable checkpoint in a staging directory that was
// made last.
func newestCheckpoint(dir *os.File) (Checkpoint, bool, error) {
	all, err := checkpoints(dir)
	if len(all) == 0 {
		return Checkpoint{}, false, err
	}
	return slices.MaxFunc(all, func(a, b Checkpoint) int { return cmp.Compare(a.id, b.id) }), true, nil
}

// checkpoints lists the usable ones: read-only subvolumes with such a name.
func checkpoints(dir *os.File) ([]Checkpoint, error) {
	names, err := entries(dir)
	if err != nil {
		return nil, err
	}
	var all []Checkpoint
	for _, name := range names {
		c, ok := parseCheckpoint(name)
		if !ok {
			continue
		}
		usable, err := c.inspect(dir)
		if err != nil {
			return nil, err
		}
		if usable {
			all = append(all, c)
		}
	}
	return all, nil
}

// inspect fills in what the kernel knows of c.
func (c *Checkpoint) inspect(dir *os.File) (usable bool, err error) {
	file, err := openDir(dir, c.name)
	if isAbsent(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer release(file)
	have, err := btrfs.Info(file)
	if errors.Is(err, btrfs.ErrNotSubvolume) {
		return false, nil
	}
	c.id, c.Made = have.ID, have.OTime
	return err == nil && have.ReadOnly, err
}
