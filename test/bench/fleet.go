package main

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"btrmesh/mesh/control"
)

// place is where a daemon runs.
type place struct {
	space   *space
	address string // without the port
}

// fleet is a source and its targets, who know each other. Each target has a task,
// called as it is.
type fleet struct {
	from   *appliance
	to     []*appliance
	source *field
	added  bool // tasks
}

// newFleet starts a source and a target for each field, at the places in turn. It
// is to be stopped also after an error.
func (g *ground) newFleet(ctx context.Context, program string, places []place, source *field, targets ...*field) (f *fleet, err error) {
	f = &fleet{source: source}
	if f.from, err = g.startAppliance(ctx, "from", program, places[0], source); err != nil {
		return f, err
	}
	for i, target := range targets {
		a, err := g.startAppliance(ctx, fmt.Sprintf("to%d", i+1), program, places[i+1], target)
		if a != nil {
			f.to = append(f.to, a)
		}
		if err != nil {
			return f, err
		}
		if err := a.join(ctx, f.from); err != nil {
			return f, err
		}
	}
	return f, nil
}

// pids returns those of all daemons.
func (f *fleet) pids() []int {
	all := []int{f.from.pid()}
	for _, a := range f.to {
		all = append(all, a.pid())
	}
	return all
}

// hold keeps the tasks, which it adds the first time, from running.
func (f *fleet) hold(ctx context.Context) error {
	if _, err := f.from.client.SetService(ctx, control.SetService{On: false}); err != nil || f.added {
		return err
	}
	f.added = true
	for _, a := range f.to {
		_, err := f.from.client.AddTask(ctx, control.AddTask{
			Share: shareName, To: a.name, Pool: poolName, Name: a.name, EverySeconds: 86400, KeepTarget: "2",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// release lets the tasks run, all at once, and waits for the end of a run of each.
func (f *fleet) release(ctx context.Context) error {
	if _, err := f.from.client.SetService(ctx, control.SetService{On: true}); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, a := range f.to {
		g.Go(func() error { return f.from.run(ctx, "task", "run", a.name, "--wait") })
	}
	return g.Wait()
}

// stop ends all and removes what they left on the source.
func (f *fleet) stop(ctx context.Context) error {
	var errs []error
	for _, a := range append(f.to, f.from) {
		if a != nil {
			errs = append(errs, a.stop())
		}
	}
	return errors.Join(append(errs, f.source.forget(ctx))...)
}
