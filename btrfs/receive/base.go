package receive

import (
	"fmt"
	"os"
	"slices"

	"btrmesh/btrfs"
)

// bases are the snapshots a stream may build on and clone from: the sound ones
// of its own replica, and those taken on this pool that the Spec names. No other
// subvolume of the pool is reachable, whatever UUID a stream names.
type bases struct {
	target  *Target
	replica Replica
	own     []btrfs.UUID
}

// open is the Opener of a run.
func (b *bases) open(u btrfs.UUID) (*os.File, error) {
	for _, s := range slices.Backward(b.replica.Snapshots) {
		if s.Snapshot == u {
			return b.openReceived(s)
		}
	}
	if slices.Contains(b.own, u) {
		return b.openOwn(u)
	}
	return nil, fmt.Errorf("%v: %w", u, ErrNoParent)
}

// have reports whether open would find u.
func (b *bases) have(u btrfs.UUID) error {
	file, err := b.open(u)
	if err == nil {
		release(file)
	}
	return err
}

// openReceived looks at the subvolume again: hours may have passed since the
// replica was listed.
func (b *bases) openReceived(s Received) (*os.File, error) {
	at, err := placeOf(b.target.pool.Path(), b.replica.Path)
	if err != nil {
		return nil, err
	}
	dir, err := b.target.pool.Dir()
	if err != nil {
		return nil, err
	}
	defer release(dir)
	data, err := openDir(dir, at.below(s.Dir)+"/"+dataName)
	if isAbsent(err) {
		return nil, fmt.Errorf("%s was deleted: %w", s.Dir, ErrNoParent)
	}
	if err != nil {
		return nil, err
	}
	have, err := btrfs.Info(data)
	if err == nil {
		if problem := problemOf(have, s.identity()); problem != "" {
			err = fmt.Errorf("%s: %w: %s", s.Dir, ErrModified, problem)
		}
	}
	if err != nil {
		release(data)
		return nil, err
	}
	return data, nil
}

func (b *bases) openOwn(u btrfs.UUID) (*os.File, error) {
	ids, err := b.target.pool.FindUUID(u)
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%v: %w", u, ErrNoParent)
	}
	file, err := b.target.pool.OpenByID(ids[0])
	if err != nil {
		return nil, err
	}
	have, err := btrfs.Info(file)
	if err == nil && !have.ReadOnly {
		err = fmt.Errorf("%v: %w: it is writable", u, ErrModified)
	}
	if err != nil {
		release(file)
		return nil, err
	}
	return file, nil
}
