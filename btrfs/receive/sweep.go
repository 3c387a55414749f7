package receive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Sweep puts a pool in order after a crash: it removes half-received runs and all
// else in incoming/, and what is left of deleted snapshots, points every latest to
// the newest sound snapshot, and removes empty directories of replicas. The newest
// checkpoint of a snapshot stays, for a week. Sweep returns what it did, in
// words, also when it failed in places; it goes on after an error. Runs and
// deletions in progress are left alone.
func (t *Target) Sweep(ctx context.Context) ([]string, error) {
	done, err := t.sweepIncoming(ctx)
	repaired, err2 := t.sweepReplicas(ctx)
	if err := errors.Join(err, err2); err != nil {
		return append(done, repaired...), fmt.Errorf("sweep: %w", err)
	}
	return append(done, repaired...), nil
}

func (t *Target) sweepIncoming(ctx context.Context) (done []string, failed error) {
	incoming, err := t.pool.Dir(incomingName)
	if err != nil {
		return nil, err
	}
	defer release(incoming)
	names, err := incoming.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", incomingName, err)
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return done, errors.Join(failed, context.Cause(ctx))
		}
		if !t.claim(name) {
			continue
		}
		removed, err := t.sweepStaging(incoming, name, time.Now())
		t.unclaim(name)
		for _, path := range removed {
			done = append(done, fmt.Sprintf("removed %s/%s", incomingName, path))
		}
		failed = errors.Join(failed, err)
	}
	return done, failed
}

// sweepStaging removes an entry of incoming/, or all in it but a checkpoint that
// may still be of use. It returns the paths it removed.
func (t *Target) sweepStaging(incoming *os.File, name string, now time.Time) (removed []string, err error) {
	if isStagingName(name) {
		removed, kept, err := t.sweepAround(incoming, name, now)
		if kept || err != nil {
			return removed, err
		}
	}
	if err := t.discard(incoming, name); err != nil {
		return nil, err
	}
	return []string{name}, nil
}

func (t *Target) sweepAround(incoming *os.File, name string, now time.Time) (removed []string, kept bool, err error) {
	dir, err := openDir(incoming, name)
	if err != nil {
		return nil, false, nil // it is no directory, or Discard will fail as well
	}
	defer release(dir)
	c, found, err := newestCheckpoint(dir)
	if !found || now.Sub(c.Made) > checkpointAge {
		return nil, false, err
	}
	names, err := t.tidy(dir, c.name)
	for _, inside := range names {
		removed = append(removed, name+"/"+inside)
	}
	return removed, true, err
}

func (t *Target) sweepReplicas(ctx context.Context) (done []string, failed error) {
	if err := t.take(ctx); err != nil {
		return nil, err
	}
	defer t.give()
	err := t.places(ctx, func(at place) error {
		did, err := t.sweepReplica(at)
		done = append(done, did...)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", at.below(""), err))
		}
		return nil
	})
	return done, errors.Join(failed, err)
}

func (t *Target) sweepReplica(at place) (done []string, err error) {
	dir, err := t.openPlace(at)
	if err != nil {
		return nil, err
	}
	defer release(dir)
	done, restErr := removeRests(dir, at)
	did, err := t.repair(dir, at)
	if did != "" {
		done = append(done, did)
	}
	return done, errors.Join(restErr, err)
}

// removeRests removes what a crash left of deleted snapshots.
func removeRests(dir *os.File, at place) (done []string, failed error) {
	names, err := entries(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		rest, err := openDir(dir, name)
		if err != nil { // it is no directory
			continue
		}
		if isRest(dir, name) {
			removed, err := removeRest(dir, rest, name)
			if removed {
				done = append(done, "removed "+at.below(name))
			}
			failed = errors.Join(failed, err)
		}
		release(rest)
	}
	return done, failed
}

// repair sets latest of one replica, or removes the directory if it is empty.
func (t *Target) repair(dir *os.File, at place) (did string, err error) {
	if err := unix.Unlinkat(int(dir.Fd()), newLatest, 0); err != nil && !isAbsent(err) {
		return "", err
	}
	snapshots, err := readAll(dir)
	if err != nil {
		return "", err
	}
	last := newest(snapshots)
	if last < 0 {
		return t.removeEmpty(dir, at)
	}
	before, name := readLatest(dir), snapshots[last].Dir
	if before == name+"/"+dataName {
		return "", nil
	}
	return fmt.Sprintf("pointed %s to %s", at.below(latestName), name), setLatest(dir, name)
}

// removeEmpty removes the directory of a replica without snapshots. One that
// holds something else stays.
func (t *Target) removeEmpty(dir *os.File, at place) (did string, err error) {
	if readLatest(dir) != "" {
		if err := unix.Unlinkat(int(dir.Fd()), latestName, 0); err != nil {
			return "", err
		}
	}
	parent, err := t.pool.Dir(replicasName, at.source)
	if err != nil {
		return "", err
	}
	defer release(parent)
	err = unix.Unlinkat(int(parent.Fd()), at.share, unix.AT_REMOVEDIR)
	if errors.Is(err, unix.ENOTEMPTY) {
		return "", nil
	}
	return "removed the empty " + at.below(""), err
}
