package btrfstest

import (
	"cmp"
	"context"
	"maps"
	"path"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

// Snapshot takes a source snapshot, as [btrfs.Pool.Snapshot].
func (f *Fake) Snapshot(ctx context.Context, share btrfs.Share, task string, at time.Time) (btrfs.Snapshot, error) {
	return call(ctx, f, OpSnapshot, func() (btrfs.Snapshot, error) {
		v, err := f.share("snapshot share", share)
		if err != nil {
			return btrfs.Snapshot{}, err
		}
		name, at := f.snapshotName(v.uuid, at.UTC())
		copied := f.add(&volume{parent: v.uuid, readOnly: true, files: maps.Clone(v.files)})
		s := btrfs.Snapshot{
			Tasks: []string{task}, Name: name, Time: at, ID: copied.id, UUID: copied.uuid, ShareUUID: v.uuid,
			CTransID: copied.generation, OTransID: copied.generation, Generation: copied.generation, ReadOnly: true,
		}
		copied.ctransid = s.CTransID
		f.sources = append(f.sources, &s)
		return cloneSnapshot(&s), nil
	})
}

// cloneSnapshot copies a snapshot as it is held now.
func cloneSnapshot(s *btrfs.Snapshot) btrfs.Snapshot {
	c := *s
	c.Tasks = slices.Clone(s.Tasks)
	return c
}

// snapshotName is the second of the snapshot, or the next millisecond that is
// free.
func (f *Fake) snapshotName(share btrfs.UUID, at time.Time) (string, time.Time) {
	when := at.Truncate(time.Second)
	name := when.Format("20060102T150405Z")
	for milli := at.Truncate(time.Millisecond); f.hasSnapshot(share, name); milli = milli.Add(time.Millisecond) {
		when, name = milli, milli.Format("20060102T150405.000Z")
	}
	return name, when
}

func (f *Fake) hasSnapshot(share btrfs.UUID, name string) bool {
	return slices.ContainsFunc(f.sources, func(s *btrfs.Snapshot) bool { return s.ShareUUID == share && s.Name == name })
}

// Snapshots lists the source snapshots by time, as [btrfs.Pool.Snapshots].
func (f *Fake) Snapshots(ctx context.Context) ([]btrfs.Snapshot, error) {
	return call(ctx, f, OpSnapshots, func() ([]btrfs.Snapshot, error) {
		var list []btrfs.Snapshot
		for _, s := range f.sources {
			list = append(list, cloneSnapshot(s))
		}
		slices.SortFunc(list, func(a, b btrfs.Snapshot) int {
			return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
		})
		return list, nil
	})
}

// HoldSnapshot makes another task hold s, as [btrfs.Pool.HoldSnapshot].
func (f *Fake) HoldSnapshot(ctx context.Context, s btrfs.Snapshot, task string) error {
	_, err := call(ctx, f, OpHoldSnapshot, func() (struct{}, error) {
		i := f.indexOf(s)
		if i < 0 {
			return struct{}{}, fail("hold snapshot", path.Join(task, s.Name), btrfs.ErrNotSubvolume)
		}
		if held := f.sources[i]; !held.HeldBy(task) {
			held.Tasks = append(held.Tasks, task)
			slices.Sort(held.Tasks)
		}
		return struct{}{}, nil
	})
	return err
}

// ReleaseSnapshot ends the hold of a task, as [btrfs.Pool.ReleaseSnapshot].
func (f *Fake) ReleaseSnapshot(ctx context.Context, s btrfs.Snapshot, task string) error {
	_, err := call(ctx, f, OpReleaseSnapshot, func() (struct{}, error) {
		return struct{}{}, fail("release snapshot", path.Join(task, s.Name), f.release(s, task))
	})
	return err
}

func (f *Fake) release(s btrfs.Snapshot, task string) error {
	i := f.indexOf(s)
	if i < 0 || !f.sources[i].HeldBy(task) {
		return nil
	}
	if held := f.sources[i]; len(held.Tasks) > 1 {
		held.Tasks = slices.DeleteFunc(held.Tasks, func(t string) bool { return t == task })
		return nil
	}
	if f.volumes[s.UUID].sending > 0 {
		return unix.EPERM
	}
	f.sources = slices.Delete(f.sources, i, i+1)
	delete(f.volumes, s.UUID)
	return nil
}

func (f *Fake) indexOf(s btrfs.Snapshot) int {
	return slices.IndexFunc(f.sources, func(o *btrfs.Snapshot) bool { return o.ID == s.ID && o.UUID == s.UUID })
}

// SweepSnapshots finds nothing: a crash leaves no half of a hold here.
func (f *Fake) SweepSnapshots(ctx context.Context) ([]string, error) {
	return call(ctx, f, OpSweepSnapshots, func() ([]string, error) { return nil, nil })
}
