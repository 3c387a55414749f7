package receive

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
)

// progressEvery is the least time between two reports of progress.
const progressEvery = 100 * time.Millisecond

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
}

// Applied is a subvolume with the content of a whole stream. It is still
// writable and not on disk yet: see [Seal].
type Applied struct {
	Root *os.File // the caller closes it
	Identity
}

// Apply makes the subvolume o.Name in dir and carries out the stream in it, up
// to its end command and the end of the input. On error, and when ctx ends,
// which is looked at between two commands, the unfinished subvolume stays: the
// caller removes it with [Discard]. A read that blocks is not interrupted.
//
// The error of a bad stream is an [*sendstream.Error]; one of this machine wraps
// the errno, such as ENOSPC. It is ErrNoParent, or what o.Open returned, when the
// parent cannot be had. Apply may run in several goroutines with different names.
func Apply(ctx context.Context, dir *os.File, rd *sendstream.Reader, o Options) (*Applied, error) {
	var c sendstream.Command
	if err := rd.Next(&c); err != nil {
		return nil, fmt.Errorf("read stream: %w", err)
	}
	id := identityOf(&c)
	if err := blame(&c, o.Want.check(id)); err != nil {
		return nil, err
	}
	root, err := begin(dir, o, id.Parent)
	if err != nil {
		return nil, err
	}
	if err := applyAll(ctx, newApplier(root, id.Snapshot, o.Open), rd, o.Progress); err != nil {
		release(root)
		return nil, err
	}
	return &Applied{Root: root, Identity: id}, nil
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

// begin makes the subvolume to apply to, empty or as a snapshot of parent, and
// opens it.
func begin(dir *os.File, o Options, parent btrfs.UUID) (*os.File, error) {
	if parent.IsZero() {
		return createEmpty(dir, o.Name)
	}
	source, err := o.Open(parent)
	if err != nil {
		return nil, fmt.Errorf("open parent %v: %w", parent, err)
	}
	defer release(source)
	if err := btrfs.CreateSnapshot(dir, o.Name, source, false); err != nil {
		return nil, err
	}
	return openDir(dir, o.Name)
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

func applyAll(ctx context.Context, a *applier, rd *sendstream.Reader, progress func(int64)) error {
	defer a.close()
	report := meter{report: progress}
	var c sendstream.Command
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := rd.Next(&c)
		if err == io.EOF { //nolint:errorlint // only the bare one means a whole stream
			break
		}
		if err != nil {
			return fmt.Errorf("read stream: %w", err)
		}
		if err := a.apply(&c); err != nil {
			return err
		}
		report.at(rd.Offset())
	}
	return a.finish()
}

// meter thins reports of progress out.
type meter struct {
	report func(int64)
	next   time.Time
}

func (m *meter) at(applied int64) {
	if m.report == nil {
		return
	}
	if now := time.Now(); !now.Before(m.next) {
		m.next = now.Add(progressEvery)
		m.report(applied)
	}
}
