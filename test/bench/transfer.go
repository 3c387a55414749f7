package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"btrmesh/btrfs"
	"btrmesh/mesh/control"
)

// Where the ends of a transfer are, on the loopback of one namespace.
const (
	sourceAddress = "127.0.0.1"
	targetAddress = "127.0.0.2"
)

// wholeTask is the task of every appliance that sends.
const wholeTask = "whole"

// transfer is a bench of the whole product and what stands around it.
type transfer struct {
	ground  *ground
	program string
	space   *space
	ssh     *sshServer
}

// benchTransfer measures all data sets, or one, and then small runs.
func benchTransfer(ctx context.Context, o options, stdout, stderr io.Writer) error {
	return overDatasets(ctx, o, func(g *ground, sets []dataset, machine string) (err error) {
		w := &transfer{ground: g}
		defer func() { err = errors.Join(err, w.close(ctx)) }()
		if err := w.open(ctx, o.ssh); err != nil {
			return err
		}
		t := table{w: stdout}
		t.wholeHead(machine, toolVersions(ctx), g.dir, o.runs)
		for i := range sets {
			r := race{ground: g, set: &sets[i], entrants: w.contestants(), runs: o.runs, log: stderr}
			if err := r.all(ctx); err != nil {
				return fmt.Errorf("%s: %w", sets[i].name, err)
			}
			t.wholeRows(&r)
		}
		t.wholeLegend(sets)
		if o.only != "" {
			return t.err
		}
		small, err := w.smallRuns(ctx, o, stderr)
		t.smallRows(small)
		return errors.Join(err, t.err)
	})
}

// open makes what all runs share.
func (w *transfer) open(ctx context.Context, ssh bool) (err error) {
	if err := findTools(ssh); err != nil {
		return err
	}
	if w.program, err = buildProgram(ctx, w.ground.dir); err != nil {
		return err
	}
	if w.space, err = newSpace(ctx, ""); err != nil {
		return err
	}
	if ssh {
		w.ssh, err = w.ground.startSSH(ctx, w.space, targetAddress)
	}
	return err
}

func (w *transfer) close(ctx context.Context) error {
	var errs []error
	if w.ssh != nil {
		errs = append(errs, w.ssh.stop())
	}
	if w.space != nil {
		errs = append(errs, w.space.close(ctx))
	}
	return errors.Join(errs...)
}

// contestants ends with ours.
func (w *transfer) contestants() []contestant {
	all := []contestant{{name: "send | receive", stock: true, ready: onField(stockPipe)}}
	if w.ssh != nil {
		all = append(all, contestant{name: "send | zstd | ssh", stock: true, ready: w.readySSH})
	}
	return append(all, contestant{name: "btrmesh", ready: w.readyWhole})
}

// wire counts what crosses the loopback.
func (w *transfer) wire(ctx context.Context) (int64, error) { return w.space.sent(ctx, "lo") }

// readySSH is `btrfs send | zstd -1 | ssh | zstd -d | btrfs receive`, and a sync.
func (w *transfer) readySSH(ctx context.Context, s *source, target *field) (*entry, error) {
	run := func(ctx context.Context) error {
		remote := fmt.Sprintf("zstd -qdc | btrfs -q receive '%s'", target.pool.Path())
		err := pipeline(exec.CommandContext(ctx, "btrfs", s.stockSend()...), exec.CommandContext(ctx, "zstd", "-1", "-qc"), w.ssh.command(ctx, w.space, remote))
		if err != nil {
			return err
		}
		return target.pool.SyncFS()
	}
	return &entry{run: run, pids: []int{w.ssh.cmd.Process.Pid}, wire: w.wire, rest: w.ssh.rest}, s.receiveBase(ctx, target)
}

// readyWhole is two daemons that are paired, with a task that may not start yet.
func (w *transfer) readyWhole(ctx context.Context, s *source, target *field) (*entry, error) {
	p, err := w.newPair(ctx, s.field, target)
	e := &entry{end: func() error { return p.stop(ctx) }}
	if err != nil {
		return e, err
	}
	if s.isIncrement() {
		err = s.renewShare(ctx)
	}
	if err == nil {
		err = p.hold(ctx)
	}
	if err == nil && s.isIncrement() {
		err = errors.Join(p.release(ctx), p.hold(ctx), s.set.change(ctx, s.path(shareName)))
	}
	e.pids, e.wire = []int{p.from.pid(), p.to.pid()}, w.wire
	e.run = func(ctx context.Context) error { return errors.Join(p.release(ctx), target.pool.SyncFS()) }
	return e, err
}

// renewShare puts the share back to what the first snapshot holds.
func (s *source) renewShare(ctx context.Context) error {
	if err := tool(ctx, "btrfs", "-q", "subvolume", "delete", s.path(shareName)); err != nil {
		return err
	}
	first, err := os.Open(s.path(firstName))
	if err != nil {
		return err
	}
	defer first.Close() //nolint:errcheck // opened for reading
	return btrfs.CreateSnapshot(s.root, shareName, first, false)
}

// pair is a source and a target that know each other.
type pair struct {
	from, to *appliance
	source   *field
	task     bool // was added
}

// newPair starts both. It is to be stopped also after an error.
func (w *transfer) newPair(ctx context.Context, source, target *field) (p *pair, err error) {
	p = &pair{source: source}
	if p.from, err = w.ground.startAppliance(ctx, "from", sourceAddress, w.program, w.space, source); err != nil {
		return p, err
	}
	if p.to, err = w.ground.startAppliance(ctx, "to", targetAddress, w.program, w.space, target); err != nil {
		return p, err
	}
	return p, p.to.join(ctx, p.from)
}

// hold keeps the task, which it adds the first time, from running.
func (p *pair) hold(ctx context.Context) error {
	if _, err := p.from.client.SetService(ctx, control.SetService{On: false}); err != nil || p.task {
		return err
	}
	p.task = true
	_, err := p.from.client.AddTask(ctx, control.AddTask{Share: shareName, To: p.to.name, Pool: poolName, Name: wholeTask, EverySeconds: 86400})
	return err
}

// release lets the task run, and waits for the end of a run.
func (p *pair) release(ctx context.Context) error {
	if _, err := p.from.client.SetService(ctx, control.SetService{On: true}); err != nil {
		return err
	}
	return p.from.run(ctx, "task", "run", wholeTask, "--wait")
}

// stop ends both and removes what they left on the source.
func (p *pair) stop(ctx context.Context) error {
	var errs []error
	for _, a := range []*appliance{p.from, p.to} {
		if a != nil {
			errs = append(errs, a.stop())
		}
	}
	return errors.Join(append(errs, p.source.forget(ctx))...)
}
