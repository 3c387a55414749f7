package receive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Delete removes one snapshot of a replica. The newest sound one is kept: it
// fails with ErrNewest, judged by what is on disk. A snapshot that is not there
// is no error. The space comes back later.
//
// The directory is first moved to incoming/ as a whole: a crash leaves the
// snapshot either in place or to Sweep.
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
	incoming, err := t.pool.Dir(incomingName)
	if err != nil {
		return err
	}
	defer release(incoming)
	name := deletedName + rand.Text()
	t.claim(name)
	defer t.unclaim(name)
	if err := t.retire(ctx, at, snap, incoming, name); err != nil {
		return err
	}
	if err := Discard(incoming, name); err != nil {
		return err
	}
	t.log.Info("snapshot deleted", "source", replica.SourceName, "share", replica.Share, "snapshot", snap.Snapshot.String())
	return nil
}

// retire moves a snapshot out of its replica.
func (t *Target) retire(ctx context.Context, at place, snap Received, incoming *os.File, name string) error {
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
	snapshots, err := readAll(dir)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(snapshots, func(s Received) bool { return s.Dir == snap.Dir && s.Snapshot == snap.Snapshot })
	if i < 0 {
		return nil
	}
	if i == newest(snapshots) {
		return ErrNewest
	}
	err = unix.Renameat2(int(dir.Fd()), snap.Dir, int(incoming.Fd()), name, unix.RENAME_NOREPLACE)
	if err != nil {
		return fmt.Errorf("move it to %s: %w", incomingName, err)
	}
	return nil
}

func isAbsent(err error) bool { return errors.Is(err, unix.ENOENT) }
