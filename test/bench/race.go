package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
)

// benchReceive measures all data sets, or one, and prints the table.
func benchReceive(ctx context.Context, o options, stdout, stderr io.Writer) error {
	return overDatasets(ctx, o, func(g *ground, sets []dataset, machine string) error {
		t := table{w: stdout}
		t.head(machine, g.dir, o.runs)
		for i := range sets {
			r := race{ground: g, set: &sets[i], entrants: contestants(), runs: o.runs, log: stderr}
			if err := r.all(ctx); err != nil {
				return fmt.Errorf("%s: %w", sets[i].name, err)
			}
			t.rows(&r)
		}
		t.legend(sets)
		return t.err
	})
}

// overDatasets calls measure with a ground that is gone afterwards.
func overDatasets(ctx context.Context, o options, measure func(g *ground, sets []dataset, machine string) error) (err error) {
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
	return measure(g, sets, machine)
}

// race is the measurement of one data set.
type race struct {
	ground   *ground
	set      *dataset
	entrants []contestant
	runs     int
	log      io.Writer

	bytes int64    // of the stream
	bills [][]bill // by contestant
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
	r.bills = make([][]bill, len(r.entrants))
	for n := range r.runs {
		r.tell("run %d of %d", n+1, r.runs)
		for i := range r.entrants {
			i = (i + n) % len(r.entrants)
			b, err := r.one(ctx, s, r.entrants[i])
			if err != nil {
				return fmt.Errorf("%s: %w", cmp.Or(r.entrants[i].name, string(r.entrants[i].part)), err)
			}
			r.bills[i] = append(r.bills[i], b)
		}
	}
	return nil
}

// one measures one contestant on a fresh file system, which for an increment
// holds its base.
func (r *race) one(ctx context.Context, s *source, c contestant) (b bill, err error) {
	target, err := r.ground.newField(r.set.mount)
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, target.close()) }()
	e, err := c.ready(ctx, s, target)
	if e != nil && e.end != nil {
		defer func() { err = errors.Join(err, e.end()) }()
	}
	if err != nil {
		return b, err
	}
	if err := errors.Join(s.pool.SyncFS(), target.pool.SyncFS()); err != nil {
		return b, err
	}
	return e.measure(ctx)
}

func (r *race) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(r.log, "%s: %s\n", r.set.name, fmt.Sprintf(format, args...)) // only for who watches
}
