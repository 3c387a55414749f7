package btrfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Snapshot is a source snapshot: a read-only snapshot of a share, taken for
// one replication task and kept in .btrmesh/send/<task>/<name>.
type Snapshot struct {
	Task         string
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

// Snapshot takes a read-only snapshot of share for task and names it after at.
// It is durable and holds all that was written before the call. The share is
// found by its id, wherever it was moved to; ErrNotSubvolume says it is gone.
// A share with an active swap file gives ETXTBSY.
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
	for ctx.Err() == nil {
		dir, err := p.Dir(sendName, task)
		if err != nil {
			return Snapshot{}, err
		}
		s, err := takeSnapshot(dir, src, task, at)
		_ = dir.Close()
		// The directory went with the last snapshot in it.
		if !errors.Is(err, unix.ENOENT) {
			return s, err
		}
	}
	return Snapshot{}, context.Cause(ctx)
}

// takeSnapshot uses the first of the possible names that is free.
func takeSnapshot(dir, src *os.File, task string, at time.Time) (Snapshot, error) {
	for name, when := range snapshotNames(at) {
		err := CreateSnapshot(dir, name, src, true)
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
		return snapshotOf(info, task, name, when), nil
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

func snapshotOf(s Subvolume, task, name string, at time.Time) Snapshot {
	return Snapshot{
		Task: task, Name: name, Time: at, ID: s.ID, UUID: s.UUID, ShareUUID: s.ParentUUID, ReceivedUUID: s.ReceivedUUID,
		CTransID: s.CTransID, OTransID: s.OTransID, Generation: s.Generation, ReadOnly: s.ReadOnly,
	}
}

// Snapshots lists the source snapshots of all tasks by task and time.
func (p *Pool) Snapshots(ctx context.Context) ([]Snapshot, error) {
	f, paths, err := p.survey(ctx)
	if err != nil {
		return nil, fail("list snapshots", p.path, err)
	}
	snapshots, _ := snapshotsOf(f, paths)
	return snapshots, nil
}

// OddSnapshots lists the subvolumes in .btrmesh/send that are no snapshots by
// name or because they are writable, as paths relative to it. Nothing of
// btrmesh makes such ones.
func (p *Pool) OddSnapshots(ctx context.Context) ([]string, error) {
	f, paths, err := p.survey(ctx)
	if err != nil {
		return nil, fail("list odd snapshots", p.path, err)
	}
	_, odd := snapshotsOf(f, paths)
	return odd, nil
}

func snapshotsOf(f forest, paths map[uint64]string) (snapshots []Snapshot, odd []string) {
	for id, full := range paths {
		rel, ok := cutDir(full, sendPath)
		if !ok {
			continue
		}
		task, name, _ := strings.Cut(rel, "/")
		at, named := parseSnapshotName(name)
		if t := f[id]; named && t.ReadOnly {
			snapshots = append(snapshots, snapshotOf(t.Subvolume, task, name, at))
		} else {
			odd = append(odd, rel)
		}
	}
	slices.SortFunc(snapshots, func(a, b Snapshot) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), a.Time.Compare(b.Time))
	})
	slices.Sort(odd)
	return snapshots, odd
}

const sendPath = DirName + "/" + sendName

// DeleteSnapshot removes s, and its task's directory once that is empty. A
// snapshot that is gone already is no error. What stands at its id must still
// be the same subvolume, in .btrmesh/send. It gives EPERM while s is sent.
func (p *Pool) DeleteSnapshot(ctx context.Context, s Snapshot) error {
	err := p.deleteSnapshot(ctx, s)
	return fail("delete snapshot", path.Join(s.Task, s.Name), err)
}

func (p *Pool) deleteSnapshot(ctx context.Context, s Snapshot) error {
	at, err := p.whereIs(ctx, s.ID, s.UUID)
	if errors.Is(err, ErrNotSubvolume) {
		return p.removeTask(s.Task)
	}
	if err != nil {
		return err
	}
	if _, ok := cutDir(at, sendPath); !ok {
		return fmt.Errorf("it was moved to %s", at)
	}
	if err := DeleteByID(p.dir, s.ID); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return p.removeTask(s.Task)
}

// removeTask removes the directory of a task unless it is still of use.
func (p *Pool) removeTask(task string) error {
	if err := checkName(task); err != nil {
		return err
	}
	dir, err := p.Dir(sendName)
	if err != nil {
		return err
	}
	defer dir.Close() //nolint:errcheck // opened for reading
	err = unix.Unlinkat(int(dir.Fd()), task, unix.AT_REMOVEDIR)
	runtime.KeepAlive(dir)
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}
