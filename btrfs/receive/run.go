package receive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"btrmesh/btrfs"
	"btrmesh/btrfs/sendstream"
)

// Receive applies the stream r and commits it as a snapshot of the replica
// (s.Source, s.Share). When it returns nil, the snapshot is complete, durable and
// visible. On any error, and when ctx ends, nothing is visible and staging is
// removed.
//
// r must give io.EOF only if the sender vouches for the stream being complete.
// ctx is looked at between commands: to interrupt a read that blocks, the caller
// makes r fail.
//
// A bad stream gives an [*sendstream.Error]. Other errors wrap the errno (ENOSPC,
// EDQUOT), ErrNoParent, ErrModified if the parent was changed here, ErrBusy if
// the run is being received, or ErrExists, with the snapshot, if it has been
// committed before.
func (t *Target) Receive(ctx context.Context, s Spec, r io.Reader) (Received, error) {
	if err := s.check(); err != nil {
		return Received{}, fmt.Errorf("receive: %w", err)
	}
	got, err := t.receive(ctx, &s, r)
	if err != nil {
		return got, fmt.Errorf("receive %s from %s: %w", s.Share, s.SourceName, err)
	}
	t.log.Info("snapshot committed", "source", s.SourceName, "share", s.Share, "run", s.Run,
		"snapshot", s.Snapshot.String(), "bytes", got.StreamBytes)
	return got, nil
}

func (t *Target) receive(ctx context.Context, s *Spec, r io.Reader) (Received, error) {
	replica, _, err := t.Find(ctx, s.Source, s.Share)
	if err != nil {
		return Received{}, err
	}
	if got, err := existing(replica, s.Snapshot); err != nil {
		// It may have been renamed into place by a process that died before the
		// transaction was on disk, and the caller will take it for durable.
		if err := t.pool.Sync(); err != nil {
			return Received{}, err
		}
		return got, err
	}
	run, err := t.stage(s)
	if err != nil {
		return Received{}, err
	}
	defer run.close()
	if err := run.apply(ctx, replica, r); err != nil {
		return Received{}, err
	}
	if err := run.seal(); err != nil {
		return Received{}, err
	}
	return run.commit(ctx)
}

// existing fails if the replica has the snapshot: with ErrExists if it is sound,
// and with ErrModified if a second copy would only hide that it is not.
func existing(replica Replica, snapshot btrfs.UUID) (Received, error) {
	for _, have := range replica.Snapshots {
		if have.Snapshot != snapshot {
			continue
		}
		if have.Problem != "" {
			return have, fmt.Errorf("%s: %w: %s", have.Dir, ErrModified, have.Problem)
		}
		return have, fmt.Errorf("%s: %w", have.Dir, ErrExists)
	}
	return Received{}, nil
}

// run is one snapshot on its way, in its directory of incoming/.
type run struct {
	target   *Target
	spec     *Spec
	name     string   // in incoming
	incoming *os.File // directory
	dir      *os.File // of the run
	applied  *Applied // nil until the stream is in
	bytes    int64    // of the stream

	committed bool
}

// stage makes the directory of a run. One left by an attempt that could not
// clean up is removed first.
func (t *Target) stage(s *Spec) (*run, error) {
	name := runName(s.Source, s.Run)
	if !t.claim(name) {
		return nil, fmt.Errorf("run %d: %w", s.Run, ErrBusy)
	}
	r := &run{target: t, spec: s, name: name}
	if err := r.open(); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *run) open() error {
	var err error
	if r.incoming, err = r.target.pool.Dir(incomingName); err != nil {
		return err
	}
	if err := Discard(r.incoming, r.name); err != nil {
		return err
	}
	r.dir, err = r.target.pool.Dir(incomingName, r.name)
	return err
}

// apply carries out the stream. A crash from here until the rename in commit
// leaves a directory in incoming/ that Sweep removes, whatever its subvolume is
// marked as.
func (r *run) apply(ctx context.Context, replica Replica, stream io.Reader) error {
	rd := sendstream.NewReader(stream, sendstream.Limits{MaxBytes: r.spec.MaxBytes})
	bases := bases{target: r.target, replica: replica, own: r.spec.Own}
	if !r.spec.Parent.IsZero() {
		if err := bases.have(r.spec.Parent); err != nil {
			return err
		}
	}
	applied, err := Apply(ctx, r.dir, rd, Options{
		Name: dataName, Want: r.spec.identity(), Open: bases.open, Progress: r.spec.Progress,
	})
	if err != nil {
		return err
	}
	r.applied, r.bytes = applied, rd.Offset()
	return nil
}

func (r *run) seal() error {
	_, err := Seal(r.applied.Root, r.applied.Identity, r.spec.Taken)
	return err
}

// close removes what was not committed.
func (r *run) close() {
	defer r.target.unclaim(r.name)
	if r.applied != nil {
		release(r.applied.Root)
	}
	if r.dir != nil {
		release(r.dir)
	}
	if r.incoming == nil {
		return
	}
	defer release(r.incoming)
	if r.committed {
		return
	}
	if err := Discard(r.incoming, r.name); err != nil {
		r.target.log.Warn("staging not removed", "dir", r.name, "error", err)
	}
}

// commit makes a sealed snapshot visible, in this order:
//
//  1. The sidecar is written and synced. A crash so far, and up to the commit of
//     the transaction the rename is in, leaves everything in incoming/.
//  2. The directory of the run is renamed into replicas/ as a whole, over
//     nothing. From the transaction on that holds this, the snapshot is
//     committed, and found again though nobody was told.
//  3. latest is replaced. A crash before leaves it at the snapshot before, which
//     is there; Sweep moves it on.
//  4. The transaction is committed. Only now may anybody be told. If this fails,
//     the snapshot is visible until the file system, read-only by then, is
//     mounted again.
func (r *run) commit(ctx context.Context) (Received, error) {
	t := r.target
	if err := t.take(ctx); err != nil {
		return Received{}, err
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
	sidecar := r.spec.sidecar(r.bytes, after(replica.Snapshots, time.Now()))
	if err := writeSidecar(r.dir, &sidecar); err != nil {
		return Received{}, err
	}
	return r.publish(at)
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

// publish does steps 2 to 4 of commit.
func (r *run) publish(at place) (Received, error) {
	share, err := r.target.pool.Dir(replicasName, at.source, at.share)
	if err != nil {
		return Received{}, err
	}
	defer release(share)
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
	return readReceived(share, name), nil
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
