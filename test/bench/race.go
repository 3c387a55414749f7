package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"btrmesh/btrfs"
)

// benchReceive measures all data sets, or one, and prints the table.
func benchReceive(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	machine, err := describeMachine(ctx)
	if err != nil {
		return err
	}
	if o.tree == "" {
		if o.tree, err = goTree(ctx); err != nil {
			return err
		}
	}
	sets, err := selectDatasets(datasets(o.scale, o.tree), o.only)
	if err != nil {
		return err
	}
	g, err := newGround(o.dir, o.scale)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	t := table{w: stdout}
	t.head(machine, g.dir, o.runs)
	for i := range sets {
		r := race{ground: g, set: &sets[i], runs: o.runs, log: stderr}
		if err := r.all(ctx); err != nil {
			return fmt.Errorf("%s: %w", sets[i].name, err)
		}
		t.rows(&r)
	}
	t.legend(sets)
	return t.err
}

// race is the measurement of one data set.
type race struct {
	ground *ground
	set    *dataset
	runs   int
	log    io.Writer

	bytes int64             // of the stream
	times [][]time.Duration // by contestant
}

// all runs every contestant in turn, and again, and begins each round with
// another one, so that none always meets the same neighbour.
func (r *race) all(ctx context.Context) (err error) {
	r.tell("filling")
	s, err := newSource(ctx, r.ground, r.set)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r.bytes = s.bytes
	all := contestants()
	r.times = make([][]time.Duration, len(all))
	for n := range r.runs {
		r.tell("run %d of %d", n+1, r.runs)
		for i := range all {
			i = (i + n) % len(all)
			took, err := r.one(ctx, s, all[i])
			if err != nil {
				return err
			}
			r.times[i] = append(r.times[i], took)
		}
	}
	return nil
}

// one measures one contestant on a fresh file system, which for an increment
// holds its base.
func (r *race) one(ctx context.Context, s *source, c contestant) (took time.Duration, err error) {
	target, err := r.ground.newField(r.set.mount)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, target.close()) }()
	if s.isIncrement() && c.part != partSend {
		if err := s.receiveFile(ctx, target, s.base, s.request(s.first, btrfs.UUID{})); err != nil {
			return 0, err
		}
	}
	if err := target.pool.SyncFS(); err != nil {
		return 0, err
	}
	began := time.Now()
	err = c.run(ctx, s, target)
	return time.Since(began), err
}

func (r *race) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(r.log, "%s: %s\n", r.set.name, fmt.Sprintf(format, args...)) // only for who watches
}
