package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// mostTargets is up to how many targets a share is sent.
const mostTargets = 3

// fanout is what sending to some targets at once takes.
type fanout struct {
	times     []time.Duration // until all have it
	processor []time.Duration // of the source's daemon
}

// benchFanout measures one data set, "tree" unless another is named.
func benchFanout(ctx context.Context, o options, stdout, stderr io.Writer) error {
	if o.only == "" {
		o.only = "tree"
	}
	return overDatasets(ctx, o, func(g *ground, sets []dataset, machine string) (err error) {
		set := &sets[0]
		if set.change != nil {
			return fmt.Errorf("%s is an increment; there are full ones", set.name)
		}
		w := &transfer{ground: g}
		defer func() { err = errors.Join(err, w.close(ctx)) }()
		if err := w.open(ctx, false); err != nil {
			return err
		}
		results, err := w.fanOut(ctx, set, o.runs, stderr)
		if err != nil {
			return err
		}
		t := table{w: stdout}
		t.fanoutRows(machine, set, o.runs, results)
		return t.err
	})
}

// fanOut sends to one, two and three targets in turn, and again.
func (w *transfer) fanOut(ctx context.Context, set *dataset, runs int, log io.Writer) (results [mostTargets]fanout, err error) {
	s, err := newSource(ctx, w.ground, set)
	if err != nil {
		return results, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for n := range runs {
		for i := range results {
			_, _ = fmt.Fprintf(log, "%s: run %d of %d, targets: %d\n", set.name, n+1, runs, i+1) // only for who watches
			if err := w.toTargets(ctx, s, i+1, &results[i]); err != nil {
				return results, err
			}
		}
	}
	return results, nil
}

// toTargets measures one run to n targets, all fresh.
func (w *transfer) toTargets(ctx context.Context, s *source, n int, r *fanout) (err error) {
	var targets []*field
	defer func() {
		for _, f := range targets {
			err = errors.Join(err, f.close())
		}
	}()
	for range n {
		f, err := w.ground.newField(s.set.mount)
		if err != nil {
			return err
		}
		targets = append(targets, f)
	}
	f, err := w.ground.newFleet(ctx, w.program, w.space.loopbacks(n+1), s.field, targets...)
	defer func() { err = errors.Join(err, f.stop(ctx)) }()
	if err != nil {
		return err
	}
	if err := errors.Join(f.hold(ctx), s.pool.SyncFS()); err != nil {
		return err
	}
	return r.measure(ctx, f)
}

func (r *fanout) measure(ctx context.Context, f *fleet) error {
	before, err := timeOf(f.from.pid())
	if err != nil {
		return err
	}
	began := time.Now()
	if err := f.release(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := timeOf(f.from.pid())
	r.times, r.processor = append(r.times, took), append(r.processor, after-before)
	return err
}

const fanoutForm = "%-8s %22s %22s  %s"

func (t *table) fanoutRows(machine string, set *dataset, runs int, results [mostTargets]fanout) {
	t.line("%s", machine)
	t.line("one share, its tasks due at once: medians of %d runs (least to most); %s: %s\n", runs, set.name, set.what)
	t.line(fanoutForm, "TARGETS", "SECONDS", "SOURCE CPU", "EACH FURTHER ONE")
	first := spreadOf(results[0].processor).median
	for i, r := range results {
		cpu, share := spreadOf(r.processor), "-"
		if i > 0 && first > 0 {
			share = fmt.Sprintf("%.0f %%", 100*float64(cpu.median-first)/float64(i)/float64(first))
		}
		t.line(fanoutForm, fmt.Sprint(i+1), spreadOf(r.times), cpu, share)
	}
	t.line("\nSOURCE CPU is seconds of the source's daemon in the user's and the kernel's part; EACH FURTHER ONE is what a target beyond")
	t.line("the first adds to it, as a share of what the first one takes. Threads of the kernel are not in it.")
}
