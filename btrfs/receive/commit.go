package receive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
)

// commit makes a sealed snapshot visible, in this order:
//
//  1. The sidecar, which was written before sealing, is written again if another
//     snapshot was committed since. A crash so far leaves the newest checkpoint to
//     go on from.
//  2. The checkpoint is removed, as it must not come along. A crash from now on,
//     and up to the commit of the transaction the rename is in, leaves what Sweep
//     removes.
//  3. The directory of the run is renamed into replicas/ as a whole, over
//     nothing. From the transaction on that holds this, the snapshot is
//     committed, and found again though nobody was told.
//  4. latest is replaced. A crash before leaves it at the snapshot before, which
//     is there; Sweep moves it on.
//  5. The transaction is committed. Only now may anybody be told. If this fails,
//     the snapshot is visible until the file system, read-only by then, is
//     mounted again.
func (r *run) commit(ctx context.Context) (Received, error) {
	t := r.target
	if err := t.take(ctx); err != nil {
		return Received{}, &cutError{err}
	}
	defer t.give()
	replica, found, err := t.Find(ctx, r.spec.Source, r.spec.Share)
	if err != nil {
		return Received{}, err
	}
	if got, err := existing(replica, r.spec.Snapshot); err != nil {
		return got, err
	}
	at, err := t.locate(replica, found, r.spec)
	if err != nil {
		return Received{}, err
	}
	if err := r.postdate(replica); err != nil {
		return Received{}, err
	}
	return r.publish(at)
}

// describe writes the sidecar. Its content is on disk then, its name once the
// transaction is.
func (r *run) describe(replica Replica) error {
	r.sidecar = r.spec.sidecar(r.bytes, after(replica.Snapshots, time.Now()))
	if err := writeSidecar(r.dir, &r.sidecar); err != nil {
		return err
	}
	return writeOutSidecar(r.dir)
}

// postdate describes the snapshot anew if another one of the replica
// was committed after it was described.
func (r *run) postdate(replica Replica) error {
	if after(replica.Snapshots, r.sidecar.Received).Equal(r.sidecar.Received) {
		return nil
	}
	if err := r.target.discard(r.dir, sidecarName); err != nil {
		return err
	}
	return r.describe(replica)
}

// after is now, or just later than the last snapshot if the clock went back:
// the order of commits must not depend on clocks.
func after(snapshots []Received, now time.Time) time.Time {
	for _, s := range snapshots {
		if !now.After(s.Received) {
			now = s.Received.Add(time.Microsecond)
		}
	}
	return now
}

// publish does steps 2 to 5 of commit.
func (r *run) publish(at place) (Received, error) {
	share, err := r.target.pool.Dir(replicasName, at.source, at.share)
	if err != nil {
		return Received{}, err
	}
	defer release(share)
	if err := r.bare(); err != nil {
		return Received{}, err
	}
	name, err := r.rename(share)
	if err != nil {
		return Received{}, err
	}
	r.committed = true
	if err := setLatest(share, name); err != nil {
		r.target.log.Warn("latest not replaced", "dir", at.path(r.target.pool.Path()), "error", err)
	}
	if err := btrfs.Sync(share); err != nil {
		return Received{}, err
	}
	r.target.overtaken(r.spec, r.incoming, r.name)
	return readReceived(share, name), nil
}

// bare removes the checkpoint.
func (r *run) bare() error {
	if r.newest == "" {
		return nil
	}
	err := r.target.discard(r.dir, r.newest)
	r.newest = ""
	return err
}

// rename moves the run to the first time name that is free.
func (r *run) rename(share *os.File) (string, error) {
	var err error
	for _, name := range timeNames(r.spec.Taken) {
		err = unix.Renameat2(int(r.incoming.Fd()), r.name, int(share.Fd()), name, unix.RENAME_NOREPLACE)
		if err == nil {
			return name, nil
		}
		if !errors.Is(err, unix.EEXIST) {
			break
		}
	}
	return "", fmt.Errorf("move snapshot into %s: %w", share.Name(), err)
}
