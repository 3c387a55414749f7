package receive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Delete removes one snapshot of a replica. The newest sound one is kept: it
// fails with ErrNewest, judged by what is on disk. A snapshot that is not there
// is no error. It works on a full pool and where a quota is used up, for it is
// what frees them; the space comes back later.
//
// The kernel takes away a subvolume in one step, so a reader sees all of the
// snapshot or none. What is left of it then, a directory with a sidecar, is no
// snapshot to anybody: a crash leaves it to Sweep.
func (t *Target) Delete(ctx context.Context, replica Replica, snap Received) error {
	if err := t.delete(ctx, replica, snap); err != nil {
		return fmt.Errorf("delete %s of %s: %w", snap.Dir, replica.Share, err)
	}
	return nil
}

func (t *Target) delete(ctx context.Context, replica Replica, snap Received) error {
	at, err := placeOf(t.pool.Path(), replica.Path)
	if err != nil {
		return err
	}
	if err := t.take(ctx); err != nil {
		return err
	}
	defer t.give()
	dir, err := t.openPlace(at)
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer release(dir)
	found, err := deletable(dir, snap)
	if err != nil || !found {
		return err
	}
	if err := t.remove(dir, snap.Dir); err != nil {
		return err
	}
	t.log.Info("snapshot deleted", "source", replica.SourceName, "share", replica.Share, "snapshot", snap.Snapshot.String())
	return nil
}

// deletable looks for a snapshot in the directory of its replica. The newest
// gives ErrNewest.
func deletable(replica *os.File, snap Received) (found bool, err error) {
	snapshots, err := readAll(replica)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(snapshots, func(s Received) bool { return s.Dir == snap.Dir && s.Snapshot == snap.Snapshot })
	if i >= 0 && i == newest(snapshots) {
		return false, ErrNewest
	}
	return i >= 0, nil
}

// remove takes a snapshot out of the directory of its replica, the subvolume
// first: data without its sidecar would be a snapshot that nobody knows, and must
// not be mistaken for one that is to go.
func (t *Target) remove(replica *os.File, name string) error {
	dir, err := openDir(replica, name)
	if err != nil {
		return err
	}
	defer release(dir)
	if err := t.discard(dir, dataName); err != nil {
		return err
	}
	_, err = removeRest(replica, dir, name)
	return err
}

// removeRest removes the directory of a snapshot whose data is gone. One that
// holds something that is not ours stays.
func removeRest(replica, dir *os.File, name string) (removed bool, err error) {
	if err := discardEntry(dir, sidecarName, 0); err != nil {
		return false, err
	}
	err = discardEntry(replica, name, unix.AT_REMOVEDIR)
	if errors.Is(err, unix.ENOTEMPTY) {
		return false, nil
	}
	return err == nil, err
}

func isAbsent(err error) bool { return errors.Is(err, unix.ENOENT) }
