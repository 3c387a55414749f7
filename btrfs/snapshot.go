package btrfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Snapshot is a source snapshot: a read-only snapshot of a share that
// replication tasks hold, one or several. It is there for as long as any task
// does.
type Snapshot struct {
	Tasks        []string  // that hold it, sorted; none is a sign of tampering
	Name         string    // Time as text, in UTC
	Time         time.Time // when it was asked for; whole milliseconds
	ID           uint64
	UUID         UUID
	ShareUUID    UUID // of the share it was taken of
	ReceivedUUID UUID // zero unless the share is itself a replica
	CTransID     uint64
	OTransID     uint64 // transaction in which it was taken
	Generation   uint64
	ReadOnly     bool // false is a sign of tampering
}

// Path returns where s lies, relative to the path of its pool.
func (s Snapshot) Path() string { return path.Join(snapshotsPath, s.ShareUUID.String(), s.Name) }

// HeldBy reports whether a task holds s.
func (s Snapshot) HeldBy(task string) bool { return slices.Contains(s.Tasks, task) }

// Forms of a snapshot's name; the second serves when the first is taken.
const (
	secondsForm = "20060102T150405Z"
	millisForm  = "20060102T150405.000Z"
)

// snapshotNames yields the names a snapshot taken at t may get: of the second,
// then of the millisecond, then of the milliseconds that follow.
func snapshotNames(t time.Time) iter.Seq2[string, time.Time] {
	t = t.UTC()
	return func(yield func(string, time.Time) bool) {
		second := t.Truncate(time.Second)
		if !yield(second.Format(secondsForm), second) {
			return
		}
		milli := t.Truncate(time.Millisecond)
		for range 1000 {
			if milli.Nanosecond() != 0 && !yield(milli.Format(millisForm), milli) {
				return
			}
			milli = milli.Add(time.Millisecond)
		}
	}
}

// parseSnapshotName is false for a name that snapshotNames never yields.
func parseSnapshotName(name string) (time.Time, bool) {
	for _, form := range []string{secondsForm, millisForm} {
		t, err := time.Parse(form, name)
		if err == nil && t.Format(form) == name {
			return t, true
		}
	}
	return time.Time{}, false
}

// Snapshot takes a read-only snapshot of share that task holds, and names it
// after at. It is durable and holds all that was written before the call. The
// share is found by its id, wherever it was moved to; ErrNotSubvolume says it is
// gone. A share with an active swap file gives ETXTBSY.
func (p *Pool) Snapshot(ctx context.Context, share Share, task string, at time.Time) (Snapshot, error) {
	s, err := p.snapshot(ctx, share, task, at)
	if err != nil {
		return Snapshot{}, fail("snapshot share", share.Name, err)
	}
	return s, nil
}

func (p *Pool) snapshot(ctx context.Context, share Share, task string, at time.Time) (Snapshot, error) {
	src, err := p.openKnown(share.ID, share.UUID)
	if err != nil {
		return Snapshot{}, err
	}
	defer src.Close() //nolint:errcheck // opened for reading
	p.holds.Lock()
	defer p.holds.Unlock()
	if ctx.Err() != nil {
		return Snapshot{}, context.Cause(ctx)
	}
	holds, err := p.Dir(sendName, task)
	if err != nil {
		return Snapshot{}, err
	}
	defer holds.Close() //nolint:errcheck // opened for reading
	dir, err := p.Dir(snapshotsName, share.UUID.String())
	if err != nil {
		return Snapshot{}, err
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	s, err := takeSnapshot(dir, holds, src, share.UUID, at)
	s.Tasks = []string{task}
	return s, err
}

// takeSnapshot uses the first of the possible names that is free. The hold comes
// first: see hold.go.
func takeSnapshot(dir, holds, src *os.File, share UUID, at time.Time) (Snapshot, error) {
	for name, when := range snapshotNames(at) {
		err := addHold(holds, share, name)
		if err == nil {
			if err = CreateSnapshot(dir, name, src, true); err != nil {
				err = errors.Join(err, removeHold(holds, name))
			}
		}
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		if err != nil {
			return Snapshot{}, err
		}
		info, err := infoBeneath(dir, name)
		if err != nil {
			return Snapshot{}, err
		}
		return snapshotOf(info, name, when), nil
	}
	return Snapshot{}, fmt.Errorf("no free name in %s for %s: %w", dir.Name(), at.UTC().Format(millisForm), unix.EEXIST)
}

func infoBeneath(dir *os.File, name string) (Subvolume, error) {
	sub, err := openBeneath(dir, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return Subvolume{}, fail("open", dir.Name()+"/"+name, err)
	}
	defer sub.Close() //nolint:errcheck // opened for reading
	return Info(sub)
}

func snapshotOf(s Subvolume, name string, at time.Time) Snapshot {
	return Snapshot{
		Name: name, Time: at, ID: s.ID, UUID: s.UUID, ShareUUID: s.ParentUUID, ReceivedUUID: s.ReceivedUUID,
		CTransID: s.CTransID, OTransID: s.OTransID, Generation: s.Generation, ReadOnly: s.ReadOnly,
	}
}

// Snapshots lists the source snapshots of all shares, each once, oldest first,
// with the tasks that hold it. What stands among them and is none, by name or
// because it is writable, is left out.
func (p *Pool) Snapshots(ctx context.Context) ([]Snapshot, error) {
	snapshots, err := p.listSnapshots(ctx)
	return snapshots, fail("list snapshots", p.path, err)
}

// listSnapshots reads the holds last: a subvolume has one before it is there.
func (p *Pool) listSnapshots(ctx context.Context) ([]Snapshot, error) {
	f, paths, err := p.survey(ctx)
	if err != nil {
		return nil, err
	}
	holds, err := p.readHolds()
	if err != nil {
		return nil, err
	}
	return snapshotsOf(f, paths, holds), nil
}

func snapshotsOf(f forest, paths map[uint64]string, holds holders) []Snapshot {
	var snapshots []Snapshot
	for id, full := range paths {
		rel, ok := cutDir(full, snapshotsPath)
		if !ok {
			continue
		}
		if s, ok := snapshotAt(f[id].Subvolume, rel); ok {
			s.Tasks = holds[s.Path()]
			snapshots = append(snapshots, s)
		}
	}
	slices.SortFunc(snapshots, func(a, b Snapshot) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
	})
	return snapshots
}

// snapshotAt is false for what stands at rel and is no snapshot taken there.
func snapshotAt(s Subvolume, rel string) (Snapshot, bool) {
	share, name, _ := strings.Cut(rel, "/")
	at, named := parseSnapshotName(name)
	return snapshotOf(s, name, at), named && s.ReadOnly && s.ParentUUID.String() == share
}

// Where the subvolumes of source snapshots are, each in a directory of its share.
const (
	snapshotsName = "snapshots"
	snapshotsPath = DirName + "/" + snapshotsName
)
