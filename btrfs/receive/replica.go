package receive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

// Replica is the committed copies of one share.
type Replica struct {
	Source     string // appliance ID; empty if no sidecar in Path can be read
	SourceName string // as of the newest snapshot
	Share      string
	Path       string     // absolute
	Snapshots  []Received // in the order they were committed, oldest first; never empty
}

// Received is one committed snapshot as it is found on disk.
type Received struct {
	Sidecar
	Dir      string     // its directory in the replica's, a UTC time
	UUID     btrfs.UUID // of data, here
	ReadOnly bool
	Modified bool   // data is not what was committed: Problem says how
	Problem  string // why it cannot be used; empty: it can
}

// Replicas lists all replicas by what is on disk alone, by path.
func (t *Target) Replicas(ctx context.Context) ([]Replica, error) {
	var all []Replica
	err := t.places(ctx, func(at place) error {
		replicas, err := t.read(at)
		all = append(all, replicas...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list replicas: %w", err)
	}
	return all, nil
}

// Find returns one replica, by the ID of its source and the name of the share.
// It reads only directories with the name of that share.
func (t *Target) Find(ctx context.Context, source, share string) (Replica, bool, error) {
	var found Replica
	err := t.places(ctx, func(at place) error {
		if at.share != escape(share) || found.Path != "" {
			return nil
		}
		replicas, err := t.read(at)
		for _, r := range replicas {
			if r.Source == source && r.Share == share {
				found = r
			}
		}
		return err
	})
	if err != nil {
		return Replica{}, false, fmt.Errorf("find replica: %w", err)
	}
	return found, found.Path != "", nil
}

// places calls f for every replica directory, by name.
func (t *Target) places(ctx context.Context, f func(place) error) error {
	replicas, err := t.pool.Dir(replicasName)
	if err != nil {
		return err
	}
	defer release(replicas)
	sources, err := subdirs(replicas)
	if err != nil {
		return err
	}
	for _, source := range sources {
		shares, err := t.shares(replicas, source)
		if err != nil {
			return err
		}
		for _, share := range shares {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := f(place{source, share}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Target) shares(replicas *os.File, source string) ([]string, error) {
	dir, err := openDir(replicas, source)
	if err != nil {
		return nil, err
	}
	defer release(dir)
	return subdirs(dir)
}

// subdirs returns the names of the directories in dir, sorted.
func subdirs(dir *os.File) ([]string, error) {
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir.Name(), err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// read returns the replicas in one directory: one, unless somebody moved things
// by hand.
func (t *Target) read(at place) ([]Replica, error) {
	dir, err := t.openPlace(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer release(dir)
	snapshots, err := readAll(dir)
	if err != nil {
		return nil, err
	}
	return group(at.path(t.pool.Path()), at, snapshots), nil
}

func (t *Target) openPlace(at place) (*os.File, error) {
	dir, err := t.pool.Dir()
	if err != nil {
		return nil, err
	}
	defer release(dir)
	return openDir(dir, at.below(""))
}

// readAll reads the snapshots in the directory of a replica, in the order they
// were committed. What is left of deleted ones is none.
func readAll(dir *os.File) ([]Received, error) {
	names, err := subdirs(dir)
	if err != nil {
		return nil, err
	}
	var all []Received
	for _, name := range names {
		if !isRest(dir, name) {
			all = append(all, readReceived(dir, name))
		}
	}
	slices.SortStableFunc(all, func(a, b Received) int {
		return cmp.Or(a.Received.Compare(b.Received), strings.Compare(a.Dir, b.Dir))
	})
	return all, nil
}

// isRest tells a directory whose data is gone: see Delete.
func isRest(replica *os.File, name string) bool {
	var st unix.Stat_t
	err := unix.Fstatat(int(replica.Fd()), name+"/"+dataName, &st, unix.AT_SYMLINK_NOFOLLOW)
	return isAbsent(err)
}

// readReceived reads one snapshot. What is wrong with it becomes its Problem.
func readReceived(replica *os.File, name string) Received {
	got := Received{Dir: name}
	dir, err := openDir(replica, name)
	if err != nil {
		got.Problem = err.Error()
		return got
	}
	defer release(dir)
	got.Sidecar, err = readSidecar(dir)
	if err != nil {
		got.Problem = err.Error()
	}
	if err := got.inspect(dir); err != nil {
		got.Problem = err.Error()
	}
	return got
}

// inspect reads what the kernel knows of the snapshot.
func (r *Received) inspect(dir *os.File) error {
	data, err := openDir(dir, dataName)
	if err != nil {
		return err
	}
	defer release(data)
	have, err := btrfs.Info(data)
	if err != nil {
		return err
	}
	r.UUID, r.ReadOnly = have.UUID, have.ReadOnly
	if r.Problem == "" {
		r.Problem = problemOf(have, r.identity())
		r.Modified = r.Problem != ""
	}
	return nil
}

// group sorts the snapshots of one directory by identity. Those without a
// readable sidecar go with the one that was committed last.
func group(path string, at place, snapshots []Received) []Replica {
	last := Replica{SourceName: at.source, Share: at.share}
	for _, s := range snapshots {
		if s.Source != "" {
			last = Replica{Source: s.Source, SourceName: s.SourceName, Share: s.Share}
		}
	}
	var all []Replica
	for _, s := range snapshots {
		of := last
		if s.Source != "" {
			of = Replica{Source: s.Source, SourceName: s.SourceName, Share: s.Share}
		}
		all = assign(all, of, path, s)
	}
	return all
}

func assign(all []Replica, of Replica, path string, s Received) []Replica {
	i := slices.IndexFunc(all, func(r Replica) bool { return r.Source == of.Source && r.Share == of.Share })
	if i < 0 {
		of.Path, i = path, len(all)
		all = append(all, of)
	}
	all[i].SourceName = of.SourceName
	all[i].Snapshots = append(all[i].Snapshots, s)
	return all
}

// newest returns the index of the snapshot that is kept and that latest names:
// the last sound one, or the last one if none is sound; -1 if there are none.
func newest(snapshots []Received) int {
	for i, s := range slices.Backward(snapshots) {
		if s.Problem == "" {
			return i
		}
	}
	return len(snapshots) - 1
}
