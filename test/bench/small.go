package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
)

// smallFiles is how many files the share of small runs has, of 1 to 16 KiB.
const smallFiles = 1000

// smallRepeats is how often each small run is measured.
const smallRepeats = 20

// smallRuns is what runs take that have next to nothing to do: as seen from
// outside and as the history has it.
type smallRuns struct{ changed, changedTook, unchanged, unchangedTook []time.Duration }

// smallRuns lets a pair that is in step send changes of 4 KiB, and nothing.
func (w *transfer) smallRuns(ctx context.Context, o options, log io.Writer) (r smallRuns, err error) {
	_, _ = fmt.Fprintln(log, "small runs") // only for who watches
	source, err := w.ground.newField("")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, source.close()) }()
	target, err := w.ground.newField("")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, target.close()) }()
	if err := btrfs.CreateSubvolume(source.root, shareName); err != nil {
		return r, err
	}
	share := filepath.Join(source.pool.Path(), shareName)
	if err := btrfstest.Fill(share, smallFiles, 1<<10, 16<<10, 1); err != nil {
		return r, err
	}
	f, err := w.ground.newFleet(ctx, w.program, w.places, source, target)
	defer func() { err = errors.Join(err, f.stop(ctx)) }()
	if err != nil {
		return r, err
	}
	if err := errors.Join(f.hold(ctx), f.release(ctx)); err != nil {
		return r, err
	}
	return r, r.measure(ctx, f, share, min(smallRepeats, 4*o.runs))
}

func (r *smallRuns) measure(ctx context.Context, f *fleet, share string, repeats int) error {
	change := make([]byte, 4<<10)
	for range repeats {
		_, _ = rand.Read(change) // never fails
		if err := os.WriteFile(filepath.Join(share, "changed"), change, 0o644); err != nil {
			return err
		}
		if err := f.time(ctx, &r.changed, &r.changedTook); err != nil {
			return err
		}
		if err := f.time(ctx, &r.unchanged, &r.unchangedTook); err != nil {
			return err
		}
	}
	return nil
}

// time adds what one run takes, from outside and by its own account.
func (f *fleet) time(ctx context.Context, outside, inside *[]time.Duration) error {
	began := time.Now()
	if err := f.from.run(ctx, "task", "run", f.to[0].name, "--wait"); err != nil {
		return err
	}
	*outside = append(*outside, time.Since(began))
	last, err := f.from.newest(ctx, f.to[0].name)
	if err == nil && last.TookSeconds != nil {
		*inside = append(*inside, time.Duration(*last.TookSeconds*float64(time.Second)))
	}
	return err
}
