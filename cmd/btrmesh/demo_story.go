package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"btrmesh/mesh/control"
)

// scene is one part of the story.
type scene struct {
	title string
	play  func(context.Context) error
}

// scenes returns the story.
func (d *demo) scenes() []scene {
	return []scene{
		{"Three appliances, each with a pool and a daemon of its own", d.introduce},
		{"Pair nas-b and nas-c with nas-a, and let it write there", d.pair},
		{"Replicate the share to both, every 60 seconds", d.replicate},
		{"Compare the copies with the share, file by file", d.compare},
		{"Change the share", d.change},
		{"Replicate the difference, without waiting for the 60 seconds", d.update},
		{"Compare again", d.compare},
		{"What the appliances know now", d.report},
	}
}

// tell plays the story and then, unless it is told once, leaves the daemons to
// the visitor until ctx ends.
func (d *demo) tell(ctx context.Context) error {
	for i, s := range d.scenes() {
		d.text.title(i+1, s.title)
		if err := errors.Join(s.play(ctx), d.text.err); err != nil {
			return demoFailed(err)
		}
	}
	d.text.say("")
	d.text.paint(good, "All runs ok, all %d digests equal, %s from start to end.", d.compared, control.Duration(time.Since(d.began)))
	if !d.once {
		d.stay(ctx)
	}
	d.text.say("%s", d.farewell())
	return nil
}

// introduce waits for the daemons and says who they are.
func (d *demo) introduce(ctx context.Context) error {
	for _, a := range d.appliances {
		if err := a.ready(ctx); err != nil {
			return err
		}
		d.text.say("%s  udp %s  pool %s on %s  socket %s", a.name, a.address, demoPool, a.mounted.Device(), a.socket())
	}
	return nil
}

// pair types on the targets what the invites of nas-a say, and the grant.
func (d *demo) pair(ctx context.Context) error {
	for _, target := range d.targets() {
		said, err := d.overhear(ctx, d.appliances[0], "pair", "invite", "--no-wait")
		if err != nil {
			return err
		}
		join, err := joinLine(said)
		if err != nil {
			return err
		}
		if err := d.command(ctx, target, append(join, "--receive-into", demoPool)...); err != nil {
			return err
		}
	}
	return nil
}

// joinLine finds in what `pair invite` said the line to type elsewhere.
func joinLine(said string) ([]string, error) {
	for line := range strings.Lines(said) {
		if _, args, ok := strings.Cut(line, "btrmesh pair join "); ok {
			return append([]string{"pair", "join"}, strings.Fields(args)...), nil
		}
	}
	return nil, errors.New("the invite does not say how to join")
}

// replicate adds the tasks. Their first runs start by themselves; what is asked
// for here is to see them end.
func (d *demo) replicate(ctx context.Context) error {
	for _, target := range d.targets() {
		if err := d.command(ctx, d.appliances[0], "task", "add", demoShare, "--to", target.name, "--pool", demoPool, "--every", "60"); err != nil {
			return err
		}
	}
	return d.update(ctx)
}

// update brings both replicas up to date and shows what was recorded.
func (d *demo) update(ctx context.Context) error {
	for _, target := range d.targets() {
		run, err := d.runTo(ctx, target)
		if err == nil && run.StartedAt.Before(d.changed) {
			// The schedule was faster, and the run it began may lack the change.
			run, err = d.runTo(ctx, target)
		}
		if err != nil {
			return err
		}
		d.text.say("%s", recordLine(run, d.text.units))
	}
	return nil
}

func taskTo(target *demoAppliance) string { return demoShare + "-" + target.name }

// runTo runs the task to a target and returns the newest run that sent
// something, of which both sides must say that it is ok. A run that failed ends
// the demo, even if a later one made up for it.
func (d *demo) runTo(ctx context.Context, target *demoAppliance) (control.Run, error) {
	source := d.appliances[0]
	if err := d.command(ctx, source, "task", "run", taskTo(target), "--wait"); err != nil {
		return control.Run{}, err
	}
	sent, err := source.client.TaskHistory(ctx, control.TaskHistory{Task: taskTo(target)})
	if err != nil {
		return control.Run{}, err
	}
	received, err := target.client.ReceiveHistory(ctx, control.ReceiveHistory{Replica: demoShare + "@" + source.name})
	if err != nil {
		return control.Run{}, err
	}
	return newestOK(sent.Value, received.Value)
}

// newestOK returns the newest run that sent something. Histories are newest
// first.
func newestOK(sent []control.Run, received []control.Receipt) (control.Run, error) {
	for _, r := range sent {
		if r.Result.Final() && r.Result != control.ResultOK && r.Result != control.ResultUnchanged {
			return r, fmt.Errorf("run %d of %s is recorded as %s: %s", r.Number, r.Task, r.Result, r.Reason)
		}
	}
	i := slices.IndexFunc(sent, func(r control.Run) bool { return r.Result == control.ResultOK })
	if i < 0 {
		return control.Run{}, errors.New("no run sent anything")
	}
	same := func(r control.Receipt) bool { return r.Number == sent[i].Number && r.Result == control.ResultOK }
	if !slices.ContainsFunc(received, same) {
		return sent[i], fmt.Errorf("run %d of %s is ok at the source and not at the target", sent[i].Number, sent[i].Task)
	}
	return sent[i], nil
}

// recordLine is one run in numbers.
func recordLine(r control.Run, units control.Units) string {
	return fmt.Sprintf("both sides recorded: %s run %d, %s, %s in %s, %s over the network, %s",
		r.Task, r.Number, r.Kind, units.Size(r.SentBytes), lasting(r.TookSeconds).text, units.Size(r.DataBytes+r.MetaBytes), r.Result)
}

// change makes one change of each kind.
func (d *demo) change(ctx context.Context) error {
	files, err := regularFiles(ctx, d.share())
	if err != nil {
		return err
	}
	for _, c := range chooseChanges(files) {
		if err := c.apply(d.share()); err != nil {
			return fmt.Errorf("%s: %w", c.verb, err)
		}
		d.text.say("%s", c)
	}
	d.changed = time.Now()
	return nil
}

// report shows the overview, lag included, of the source and of a target.
func (d *demo) report(ctx context.Context) error {
	if err := d.command(ctx, d.appliances[0], "status"); err != nil {
		return err
	}
	d.text.say("")
	return d.command(ctx, d.appliances[1], "status")
}

// targets are the appliances that hold replicas.
func (d *demo) targets() []*demoAppliance { return d.appliances[1:] }

// command shows a command as a person types it on an appliance, and runs it
// where the demo itself prints: on a terminal, with its progress.
func (d *demo) command(ctx context.Context, on *demoAppliance, args ...string) error {
	return d.commandTo(ctx, d.text.out.w, on, args)
}

// overhear is command, and returns what it printed.
func (d *demo) overhear(ctx context.Context, on *demoAppliance, args ...string) (string, error) {
	var said bytes.Buffer
	err := d.commandTo(ctx, io.MultiWriter(d.text.out.w, &said), on, args)
	return said.String(), err
}

func (d *demo) commandTo(ctx context.Context, w io.Writer, on *demoAppliance, args []string) error {
	d.text.prompt(on.name, args)
	if err := runBound(on.process(ctx, w, args...)); err != nil {
		return fmt.Errorf("%s on %s: %w", strings.Join(args[:min(2, len(args))], " "), on.name, err)
	}
	return nil
}
