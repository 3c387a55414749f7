package receive

import (
	"context"
	"fmt"
	"os"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
)

// Identity is what the first command of a stream says it carries.
type Identity struct {
	Snapshot btrfs.UUID // of the sent snapshot at its source
	CTransID uint64     // its transaction
	Parent   btrfs.UUID // of the snapshot the stream builds on; zero: it is a full one
}

// Options of one Apply.
type Options struct {
	Name     string              // of the subvolume to make, one component
	Want     Identity            // what the stream must carry; zero: whatever it says
	Open     Opener              // opens the parent and the sources of clones
	Progress func(applied int64) // stream bytes applied, reported now and then; nil: none

	// Base is a read-only subvolume in which the stream was applied up to From in
	// an earlier attempt, and the stream read is its continuation. Nothing in that
	// says what it carries: Want does. Nil: the stream begins at its beginning.
	Base *os.File
	From sendstream.Position

	// Checkpoint is told of states that can be a Base later, at Pace and when the
	// stream is cut off: root holds all up to the position then, with its data on
	// disk, and the one before did not. It may be nil.
	Checkpoint func(root *os.File, at sendstream.Position)
	pace       pace
}

// Applied is a subvolume with the content of a whole stream. It is still
// writable and not on disk yet: see [Seal].
type Applied struct {
	Root *os.File // the caller closes it
	Identity

	ledger *ledger // what Seal has to find on disk
}

// Apply makes the subvolume o.Name in dir and carries out the stream in it, up
// to its end command and the end of the input. Nobody but root may be able to
// reach dir, as in one of mode 0700: until its own mode arrives, an entry has
// that of the one before, which may be too wide. On error, and when ctx ends,
// which is looked at between two commands, the unfinished subvolume stays: the
// caller removes it with [Discard]. A read that blocks is not interrupted.
//
// The error of a bad stream is an [*sendstream.Error]; one of this machine wraps
// the errno, such as ENOSPC. It is ErrNoParent, or what o.Open returned, when the
// parent cannot be had. Apply may run in several goroutines with different names.
func Apply(ctx context.Context, dir *os.File, rd *sendstream.Reader, o Options) (*Applied, error) {
	w := work{rd: rd, o: o, track: sendstream.TrackFrom(o.From), report: meter{report: o.Progress}}
	if err := w.begin(dir); err != nil {
		return nil, err
	}
	if err := w.all(ctx); err != nil {
		release(w.root)
		return nil, err
	}
	return &Applied{Root: w.root, Identity: w.id, ledger: &w.a.ledger}, nil
}

func identityOf(c *sendstream.Command) Identity {
	id := Identity{Snapshot: c.UUID, CTransID: c.CTransID}
	if c.Type == sendstream.CmdSnapshot {
		id.Parent = c.CloneUUID
	}
	return id
}

// check compares what a stream carries with what was agreed on. The transaction
// of the parent is not compared: deduplication at the source moves it on without
// changing a byte.
func (want Identity) check(have Identity) error {
	switch {
	case want == Identity{}:
		return nil
	case have.Snapshot != want.Snapshot:
		return breach(ruleUUID, fmt.Errorf("have %v, want %v", have.Snapshot, want.Snapshot))
	case have.CTransID != want.CTransID:
		return breach(ruleCTransID, fmt.Errorf("have transaction %d, want %d", have.CTransID, want.CTransID))
	case have.Parent != want.Parent:
		return breach(ruleParentUUID, fmt.Errorf("have %v, want %v", have.Parent, want.Parent))
	}
	return nil
}

// begin makes the subvolume to apply to and opens it: empty, or as a snapshot of
// the parent.
func begin(dir *os.File, o Options, parent btrfs.UUID) (*os.File, error) {
	if parent.IsZero() {
		return createEmpty(dir, o.Name)
	}
	source, err := o.Open(parent)
	if err != nil {
		return nil, fmt.Errorf("open parent %v: %w", parent, err)
	}
	defer release(source)
	return copyOf(dir, o.Name, source)
}

// copyOf makes and opens a writable snapshot.
func copyOf(dir *os.File, name string, source *os.File) (*os.File, error) {
	if err := btrfs.CreateSnapshot(dir, name, source, false); err != nil {
		return nil, err
	}
	return openDir(dir, name)
}

// createEmpty makes a subvolume without what it takes from the directory it is
// made in.
func createEmpty(dir *os.File, name string) (*os.File, error) {
	if err := btrfs.CreateSubvolume(dir, name); err != nil {
		return nil, err
	}
	root, err := openDir(dir, name)
	if err != nil {
		return nil, err
	}
	if err := strip(spot{&openDirectory{file: root}, "."}, xattrACL, xattrDefaultACL, xattrCompression); err != nil {
		release(root)
		return nil, fmt.Errorf("create subvolume %s: %w", name, err)
	}
	return root, nil
}
