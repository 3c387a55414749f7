package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"btrmesh/btrfs"
)

// loopbacks returns n places on the loopback of one namespace.
func (s *space) loopbacks(n int) []place {
	var all []place
	for i := range n {
		all = append(all, place{s, fmt.Sprintf("127.0.0.%d", i+1)})
	}
	return all
}

// transfer is a bench of the whole product and what stands around it.
type transfer struct {
	ground  *ground
	program string
	space   *space
	places  []place // of the source, of the target
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
	w.places = w.space.loopbacks(2)
	if ssh {
		w.ssh, err = w.ground.startSSH(ctx, w.places[1])
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
	f, err := w.ground.newFleet(ctx, w.program, w.places, s.field, target)
	e := &entry{end: func() error { return f.stop(ctx) }}
	if err != nil {
		return e, err
	}
	if s.isIncrement() {
		err = s.renewShare(ctx)
	}
	if err == nil {
		err = f.hold(ctx)
	}
	if err == nil && s.isIncrement() {
		err = errors.Join(f.release(ctx), f.hold(ctx), s.set.change(ctx, s.path(shareName)))
	}
	e.pids, e.wire = f.pids(), w.wire
	e.run = func(ctx context.Context) error { return errors.Join(f.release(ctx), target.pool.SyncFS()) }
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
