package btrfstest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/receive"
)

// replica is the committed copies of one share, oldest first.
type replica struct {
	source, share string
	path          string // in the pool
	snapshots     []receive.Received
}

// replica returns nil when there is none.
func (f *Fake) replica(source, share string) *replica {
	for _, r := range f.replicas {
		if r.source == source && r.share == share {
			return r
		}
	}
	return nil
}

// find looks for a snapshot by its UUID at the source; r may be nil.
func (r *replica) find(snapshot btrfs.UUID) (receive.Received, bool) {
	if r == nil {
		return receive.Received{}, false
	}
	i := slices.IndexFunc(r.snapshots, func(s receive.Received) bool { return s.Snapshot == snapshot })
	if i < 0 {
		return receive.Received{}, false
	}
	return r.snapshots[i], true
}

// after is now, or just later than the newest snapshot.
func (r *replica) after(now time.Time) time.Time {
	for _, s := range r.snapshots {
		if !now.After(s.Received) {
			now = s.Received.Add(time.Microsecond)
		}
	}
	return now
}

// dirName is the first form of the time that is free.
func (r *replica) dirName(taken time.Time) string {
	name := taken.Format("20060102T150405Z")
	for _, digits := range []string{".000", ".000000", ".000000000"} {
		if !slices.ContainsFunc(r.snapshots, func(s receive.Received) bool { return s.Dir == name }) {
			break
		}
		name = taken.Format("20060102T150405" + digits + "Z")
	}
	return name
}

// replicaPath is the place of a new replica: by the name of its source, or with
// part or all of the source's ID when another source has that name.
func (f *Fake) replicaPath(s *receive.Spec) string {
	share := strings.NewReplacer("%", "%25", "/", "%2F").Replace(s.Share)
	var dir string
	for _, suffix := range []string{"", "-" + s.Source[:min(7, len(s.Source))], "-" + s.Source} {
		dir = path.Join(btrfs.DirName, "replicas", s.SourceName+suffix)
		if owner := f.owner(dir); owner == "" || owner == s.Source {
			break
		}
	}
	return path.Join(dir, share)
}

// owner is the ID of the source with replicas in dir, "" if there is none.
func (f *Fake) owner(dir string) string {
	for _, r := range f.replicas {
		if path.Dir(r.path) == dir {
			return r.source
		}
	}
	return ""
}

// Replicas lists all replicas by source and share, as [receive.Target.Replicas].
func (f *Fake) Replicas(ctx context.Context) ([]receive.Replica, error) {
	return call(ctx, f, OpReplicas, func() ([]receive.Replica, error) {
		var list []receive.Replica
		for _, r := range f.replicas {
			list = append(list, f.replicaOf(r))
		}
		slices.SortFunc(list, func(a, b receive.Replica) int {
			return cmp.Or(cmp.Compare(path.Dir(a.Path), path.Dir(b.Path)), cmp.Compare(a.Path, b.Path))
		})
		return list, nil
	})
}

func (f *Fake) replicaOf(r *replica) receive.Replica {
	return receive.Replica{
		Source: r.source, SourceName: r.snapshots[len(r.snapshots)-1].SourceName, Share: r.share,
		Path: path.Join(f.Path(), r.path), Snapshots: slices.Clone(r.snapshots),
	}
}

// Find returns one replica, as [receive.Target.Find].
func (f *Fake) Find(ctx context.Context, source, share string) (receive.Replica, bool, error) {
	found, err := call(ctx, f, OpFind, func() (receive.Replica, error) {
		if r := f.replica(source, share); r != nil {
			return f.replicaOf(r), nil
		}
		return receive.Replica{}, nil
	})
	return found, found.Path != "", err
}

// Delete removes a committed snapshot, as [receive.Target.Delete].
func (f *Fake) Delete(ctx context.Context, from receive.Replica, snap receive.Received) error {
	_, err := call(ctx, f, OpDelete, func() (struct{}, error) {
		if err := f.delete(f.replica(from.Source, from.Share), snap); err != nil {
			return struct{}{}, fmt.Errorf("delete %s of %s: %w", snap.Dir, from.Share, err)
		}
		return struct{}{}, nil
	})
	return err
}

func (f *Fake) delete(r *replica, snap receive.Received) error {
	have, found := r.find(snap.Snapshot)
	if !found || have.Dir != snap.Dir {
		return nil
	}
	if r.newest() == snap.Snapshot {
		return receive.ErrNewest
	}
	r.snapshots = slices.DeleteFunc(r.snapshots, func(s receive.Received) bool { return s.Snapshot == snap.Snapshot })
	delete(f.volumes, have.UUID)
	return nil
}

// newest is the UUID at the source of the newest snapshot that is sound, of the
// last one if none is.
func (r *replica) newest() btrfs.UUID {
	for _, s := range slices.Backward(r.snapshots) {
		if s.Problem == "" {
			return s.Snapshot
		}
	}
	return r.snapshots[len(r.snapshots)-1].Snapshot
}

// Sweep removes what crashed runs left, as [receive.Target.Sweep].
func (f *Fake) Sweep(ctx context.Context) ([]string, error) {
	return call(ctx, f, OpSweep, func() ([]string, error) {
		var done []string
		for _, name := range slices.Sorted(maps.Keys(f.incoming)) {
			if !f.incoming[name].running {
				delete(f.incoming, name)
				done = append(done, "removed incoming/"+name)
			}
		}
		return done, nil
	})
}

// Tamper makes the committed snapshot of that UUID at its source one that was
// changed by hand: it is listed with a problem and serves as parent no more. It
// reports whether there is such a snapshot.
func (f *Fake) Tamper(snapshot btrfs.UUID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := false
	for _, r := range f.replicas {
		for i := range r.snapshots {
			if s := &r.snapshots[i]; s.Snapshot == snapshot {
				s.ReadOnly, s.Modified, s.Problem = false, true, "it is writable"
				found = true
			}
		}
	}
	return found
}

// LeaveStaging puts into incoming/ what a run leaves that crashed.
func (f *Fake) LeaveStaging(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.incoming[name] = &staging{name: name}
	return nil
}

// Checkpoint has none: a Fake goes on from nowhere.
func (f *Fake) Checkpoint(context.Context, string, string, btrfs.UUID) (receive.Checkpoint, bool, error) {
	return receive.Checkpoint{}, false, nil
}
