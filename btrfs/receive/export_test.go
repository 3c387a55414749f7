package receive

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"btrmesh/btrfs/sendstream"
)

// Steps are the places a receive can be killed at, in order.
var Steps = []string{"staged", "half applied", "applied", "described", "sealed", "renamed"}

// Kill receives up to and with a step, then drops everything as kill -9 would.
func (t *Target) Kill(ctx context.Context, step string, s Spec, stream []byte) error {
	r, err := t.stage(&s)
	if err != nil {
		return err
	}
	defer r.vanish()
	for _, do := range []struct {
		step string
		do   func() error
	}{
		{"staged", func() error { return nil }},
		{"half applied", func() error { return r.half(ctx, stream) }},
		{"applied", func() error { return r.whole(ctx, stream) }},
		{"described", func() error { return r.describe(Replica{}) }},
		{"sealed", r.seal},
		{"renamed", r.move},
	} {
		if err := do.do(); err != nil || do.step == step {
			return err
		}
	}
	return nil
}

// Abandon receives until the stream fails, then drops everything as kill -9 would.
func (t *Target) Abandon(ctx context.Context, s Spec, stream io.Reader) error {
	r, err := t.stage(&s)
	if err != nil {
		return err
	}
	defer t.unclaim(r.name)
	defer r.vanish()
	replica, _, err := t.Find(ctx, s.Source, s.Share)
	if err != nil {
		return err
	}
	return r.apply(ctx, replica, stream)
}

// vanish closes files, which is all that happens to them in a kill.
func (r *run) vanish() {
	if r.applied != nil {
		release(r.applied.Root)
	}
	release(r.dir)
	release(r.incoming)
}

// half applies half of the stream and forgets it.
func (r *run) half(ctx context.Context, stream []byte) error {
	err := r.replay(ctx, stream[:len(stream)/2])
	if err == nil {
		return io.ErrNoProgress
	}
	return nil
}

// whole begins anew, as half leaves its subvolume behind.
func (r *run) whole(ctx context.Context, stream []byte) error {
	if err := r.target.discard(r.dir, dataName); err != nil {
		return err
	}
	return r.replay(ctx, stream)
}

func (r *run) replay(ctx context.Context, stream []byte) error {
	replica, _, err := r.target.Find(ctx, r.spec.Source, r.spec.Share)
	if err != nil {
		return err
	}
	return r.apply(ctx, replica, newSlowReader(stream))
}

// ReceiveAround receives and does something else between sealing and the commit.
func (t *Target) ReceiveAround(ctx context.Context, s Spec, stream []byte, meanwhile func()) (Received, error) {
	r, err := t.stage(&s)
	if err != nil {
		return Received{}, err
	}
	defer r.close()
	for _, do := range []func() error{
		func() error { return r.replay(ctx, stream) },
		func() error { return r.describe(Replica{}) },
		r.seal,
	} {
		if err := do(); err != nil {
			return Received{}, err
		}
	}
	meanwhile()
	return r.commit(ctx)
}

func (r *run) move() error {
	share, err := r.target.pool.Dir(replicasName, r.spec.SourceName, escape(r.spec.Share))
	if err != nil {
		return err
	}
	defer release(share)
	_, err = r.rename(share)
	return err
}

// slowReader gives a stream piece by piece.
type slowReader struct{ rest []byte }

func newSlowReader(stream []byte) io.Reader { return &slowReader{stream} }

func (s *slowReader) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 4096)], s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// ApplyPlain is Apply on a kernel without encoded writes.
func ApplyPlain(ctx context.Context, dir *os.File, rd *sendstream.Reader, o Options) error {
	w := work{rd: rd, o: o}
	if err := w.begin(dir); err != nil {
		return err
	}
	defer release(w.root)
	w.a.plain = true
	return w.all(ctx)
}

// MaxDirs is how many directories are held open.
const MaxDirs = maxDirs

// SetPace makes t take a checkpoint after so many bytes of stream and so long.
func (t *Target) SetPace(bytes int64, every time.Duration) { t.pace = pace{bytes, every} }

// SweepAt is Sweep of incoming/ at another time.
func (t *Target) SweepAt(now time.Time) (removed []string, err error) {
	incoming, err := t.pool.Dir(incomingName)
	if err != nil {
		return nil, err
	}
	defer release(incoming)
	names, err := entries(incoming)
	for _, name := range names {
		did, err2 := t.sweepStaging(incoming, name, now)
		removed, err = append(removed, did...), errors.Join(err, err2)
	}
	return removed, err
}

// CheckpointName is the name of a checkpoint on disk.
func CheckpointName(c Checkpoint) string { return checkpointName(c.At, c.Identity) }

// StagingName is the name of a directory in incoming/.
var StagingName = stagingName
