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
// visible, and what was staged for other snapshots of the replica is removed. On
// any error, and when ctx ends, nothing is visible.
//
// If r failed or ctx ended, the newest checkpoint stays, made just then if
// anything was applied since the one before; see [Target.Checkpoint]. After any
// other error staging is removed. A process that is killed leaves the checkpoint
// that was taken last, 5 s or 64 MiB ago, whichever was longer, and longer ago
// where taking one is slow.
//
// r must give io.EOF only if the sender vouches for the stream being complete.
// ctx is looked at between commands: to interrupt a read that blocks, the caller
// makes r fail.
//
// A bad stream gives an [*sendstream.Error]. Other errors wrap the errno (ENOSPC,
// EDQUOT), ErrNoParent, ErrModified if the parent was changed here, ErrBusy if
// the snapshot is being received, ErrNoCheckpoint if s.From is not, or no longer,
// that of a checkpoint, or ErrExists, with the snapshot, if it has been committed
// before.
func (t *Target) Receive(ctx context.Context, s Spec, r io.Reader) (Received, error) {
	if err := s.check(); err != nil {
		return Received{}, fmt.Errorf("receive: %w", err)
	}
	got, err := t.receive(ctx, &s, r)
	if err != nil {
		return got, fmt.Errorf("receive %s from %s: %w", s.Share, s.SourceName, err)
	}
	t.log.Info("snapshot committed", "source", s.SourceName, "share", s.Share, "run", s.Run,
		"snapshot", s.Snapshot.String(), "bytes", got.StreamBytes, "resumed_bytes", got.ResumedBytes)
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
	got, err := run.through(ctx, replica, r)
	run.keep = worthKeeping(err)
	return got, err
}

// through does all that is to be done in staging, and the commit.
func (r *run) through(ctx context.Context, replica Replica, stream io.Reader) (Received, error) {
	if err := r.apply(ctx, replica, stream); err != nil {
		return Received{}, err
	}
	if err := r.describe(replica); err != nil {
		return Received{}, err
	}
	if err := r.seal(); err != nil {
		return Received{}, err
	}
	return r.commit(ctx)
}

// worthKeeping reports whether a run that ended with err can be gone on with: it
// was cut off, and neither is its stream bad nor does it need the room.
func worthKeeping(err error) bool {
	return isCut(err) && !errors.Is(err, sendstream.ErrInvalid) && !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT)
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
	base     *os.File // checkpoint to go on from; nil: there is none
	newest   string   // checkpoint, in dir; "": there is none
	applied  *Applied // nil until the stream is in
	bytes    int64    // of the stream
	sidecar  Sidecar  // as written to dir; zero until then

	committed bool
	keep      bool // the newest checkpoint
}

// stage makes the directory of a run, or finds the checkpoint it goes on from.
func (t *Target) stage(s *Spec) (*run, error) {
	name := stagingName(s.Source, s.Share, s.Snapshot)
	if !t.claim(name) {
		return nil, fmt.Errorf("snapshot %v: %w", s.Snapshot, ErrBusy)
	}
	r := &run{target: t, spec: s, name: name}
	if err := r.open(); err != nil {
		r.leave()
		return nil, err
	}
	return r, nil
}

func (r *run) open() error {
	var err error
	if r.incoming, err = r.target.pool.Dir(incomingName); err != nil {
		return err
	}
	if !r.spec.From.IsZero() {
		return r.resume()
	}
	if err := r.target.discard(r.incoming, r.name); err != nil {
		return err
	}
	r.dir, err = r.target.pool.Dir(incomingName, r.name)
	return err
}

// resume opens the checkpoint that the continuation begins at and removes the
// rest of what is staged. Without it, everything stays.
func (r *run) resume() error {
	dir, found, err := openStaging(r.incoming, r.name)
	if err != nil {
		return err
	}
	if !found {
		return ErrNoCheckpoint
	}
	r.dir = dir
	c, found, err := newestCheckpoint(dir)
	if err != nil {
		return err
	}
	c.Snapshot = r.spec.Snapshot
	if !found || c.At != r.spec.From || c.Identity != r.spec.identity() {
		return ErrNoCheckpoint
	}
	r.newest = c.name
	if _, err := r.target.tidy(dir, c.name); err != nil {
		return err
	}
	r.base, err = openDir(dir, c.name)
	return err
}

// apply carries out the stream. A crash from here until the rename in commit
// leaves a directory in incoming/ that Sweep removes, whatever its subvolume is
// marked as.
func (r *run) apply(ctx context.Context, replica Replica, stream io.Reader) error {
	rd := r.reader(stream)
	bases := bases{target: r.target, replica: replica, own: r.spec.Own}
	if !r.spec.Parent.IsZero() {
		if err := bases.have(r.spec.Parent); err != nil {
			return err
		}
	}
	applied, err := Apply(ctx, r.dir, rd, Options{
		Name: dataName, Want: r.spec.identity(), Open: bases.open, Progress: r.spec.Progress,
		Base: r.base, From: r.spec.From, Checkpoint: r.checkpoint, pace: r.target.pace,
	})
	if err != nil {
		return err
	}
	r.applied, r.bytes = applied, rd.Offset()
	return nil
}

func (r *run) reader(stream io.Reader) *sendstream.Reader {
	limits := sendstream.Limits{MaxSpace: r.spec.MaxSpace}
	if r.base == nil {
		return sendstream.NewReader(stream, limits)
	}
	return sendstream.NewContinuation(stream, limits, r.spec.From)
}

// checkpoint takes one and removes the one before. The kernel commits, so it is on
// disk then. A run that cannot take checkpoints goes on without.
func (r *run) checkpoint(root *os.File, at sendstream.Position) {
	began, name, log := time.Now(), checkpointName(at, r.spec.identity()), r.target.log
	if err := btrfs.CreateSnapshot(r.dir, name, root, true); err != nil {
		log.Warn("checkpoint not taken", "dir", r.name, "error", err)
		return
	}
	if r.newest != "" {
		if err := r.target.discard(r.dir, r.newest); err != nil {
			log.Warn("checkpoint not removed", "dir", r.name, "error", err)
		}
	}
	r.newest = name
	log.Debug("checkpoint taken", "dir", r.name, "bytes", at.Bytes, "took", time.Since(began))
}

func (r *run) seal() error {
	_, err := Seal(r.applied, r.spec.Taken)
	return err
}

// close removes what was not committed, but for a checkpoint worth keeping.
func (r *run) close() {
	defer r.leave()
	if r.committed {
		return
	}
	if err := r.clear(); err != nil {
		r.target.log.Warn("staging not removed", "dir", r.name, "error", err)
	}
}

func (r *run) clear() error {
	if r.applied != nil {
		release(r.applied.Root)
		r.applied = nil
	}
	if r.keep && r.newest != "" {
		_, err := r.target.tidy(r.dir, r.newest)
		return err
	}
	// The unfinished subvolume goes first: that frees quota for the rest.
	if err := r.target.discard(r.dir, dataName); err != nil {
		return err
	}
	return r.target.discard(r.incoming, r.name)
}

// leave closes everything and changes nothing on disk.
func (r *run) leave() {
	if r.applied != nil {
		release(r.applied.Root)
	}
	for _, file := range []*os.File{r.base, r.dir, r.incoming} {
		if file != nil {
			release(file)
		}
	}
	r.target.unclaim(r.name)
}
