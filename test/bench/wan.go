package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"btrmesh/btrfs"
	"btrmesh/btrfs/btrfstest"
	"btrmesh/test/shaper"
)

// The line of bench wan: a round trip of 50 ms, and a queue as long.
const (
	wanRate  = 100_000_000 // bit/s of IP
	wanDelay = 25 * time.Millisecond
	wanQueue = 50 * time.Millisecond
	wanBytes = 150_000_000 // of incompressible data in each run
)

// wanLosses are the shares of packets lost, each way.
func wanLosses(o options) []float64 {
	if o.loss >= 0 {
		return []float64{o.loss}
	}
	return []float64{0, 0.001, 0.01}
}

// wan is a source and a target at the ends of a long line.
type wan struct {
	*transfer
	far            *space // of the target
	line           *shaper.Line
	source, target *field
	fleet          *fleet
	bytes          int
	runs           int // so far
}

// wanWay is one way over the line.
type wanWay struct {
	name  string
	ready func(ctx context.Context) error // not measured; nil: nothing to do
	run   func(ctx context.Context) error
}

// benchWAN measures each way alone, at each loss.
func benchWAN(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	machine, err := describeMachine(ctx)
	if err != nil {
		return err
	}
	g, err := newGround(o.dir, o.scale)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	w := &wan{transfer: &transfer{ground: g}, bytes: max(1<<20, int(math.Round(wanBytes*o.scale)))}
	defer func() { err = errors.Join(err, w.close(ctx)) }()
	if err := w.open(ctx, o.ssh); err != nil {
		return err
	}
	t := table{w: stdout}
	t.wanHead(machine, toolVersions(ctx), w.bytes, o.runs)
	for _, loss := range wanLosses(o) {
		if err := w.atLoss(ctx, loss, o, &t, stderr); err != nil {
			return fmt.Errorf("loss of %v: %w", loss, err)
		}
	}
	t.wanLegend()
	return t.err
}

func (w *wan) open(ctx context.Context, ssh bool) (err error) {
	if err := findTools(ssh); err != nil {
		return err
	}
	if w.program, err = buildProgram(ctx, w.ground.dir); err != nil {
		return err
	}
	if w.space, err = newSpace(ctx, "a"); err != nil {
		return err
	}
	if w.far, err = newSpace(ctx, "b"); err != nil {
		return err
	}
	w.places = []place{{w.space, "10.78.0.1"}, {w.far, "10.78.0.2"}}
	w.line, err = shaper.Open(ctx, shaper.Config{
		A:    shaper.End{Namespace: w.space.name, Address: w.places[0].address + "/24"},
		B:    shaper.End{Namespace: w.far.name, Address: w.places[1].address + "/24"},
		Seed: 1,
	})
	if err != nil {
		return err
	}
	if ssh {
		if w.ssh, err = w.ground.startSSH(ctx, w.places[1]); err != nil {
			return err
		}
	}
	return w.openEnds(ctx)
}

// openEnds makes an empty share with a task that is in step.
func (w *wan) openEnds(ctx context.Context) (err error) {
	if w.source, err = w.ground.newField(""); err != nil {
		return err
	}
	if w.target, err = w.ground.newField(""); err != nil {
		return err
	}
	if err := btrfs.CreateSubvolume(w.source.root, shareName); err != nil {
		return err
	}
	if w.fleet, err = w.ground.newFleet(ctx, w.program, w.places, w.source, w.target); err != nil {
		return err
	}
	return errors.Join(w.fleet.hold(ctx), w.fleet.release(ctx))
}

func (w *wan) close(ctx context.Context) error {
	var errs []error
	if w.fleet != nil {
		errs = append(errs, w.fleet.stop(ctx))
	}
	for _, f := range []*field{w.source, w.target} {
		if f != nil {
			errs = append(errs, f.close())
		}
	}
	if w.line != nil {
		errs = append(errs, w.line.Close())
	}
	errs = append(errs, w.transfer.close(ctx))
	if w.far != nil {
		errs = append(errs, w.far.close(ctx))
	}
	return errors.Join(errs...)
}

// ways lists what this build of btrmesh can do, and ssh.
func (w *wan) ways(ctx context.Context) []wanWay {
	var all []wanWay
	for _, kind := range []string{"auto", "quic", "tcp"} {
		ready := func(ctx context.Context) error { return w.lanes(ctx, kind) }
		if ready(ctx) == nil {
			all = append(all, wanWay{"btrmesh " + kind, ready, w.runTask})
		}
	}
	if all == nil { // it has one kind of lanes alone
		all = append(all, wanWay{"btrmesh", nil, w.runTask})
	}
	if w.ssh != nil {
		all = append(all, wanWay{"send | ssh", nil, w.sendSSH})
	}
	return all
}

func (w *wan) lanes(ctx context.Context, kind string) error {
	return w.fleet.from.run(ctx, "appliance", "lanes", w.fleet.to[0].name, kind)
}

func (w *wan) runTask(ctx context.Context) error {
	if err := w.fleet.from.run(ctx, "task", "run", w.fleet.to[0].name, "--wait"); err != nil {
		return err
	}
	return w.target.pool.SyncFS()
}

// sendSSH is `btrfs send | ssh | btrfs receive` of a snapshot, and a sync.
func (w *wan) sendSSH(ctx context.Context) error {
	name := fmt.Sprintf("run%d", w.runs)
	share, err := os.Open(filepath.Join(w.source.pool.Path(), shareName))
	if err != nil {
		return err
	}
	defer share.Close() //nolint:errcheck // opened for reading
	if err := btrfs.CreateSnapshot(w.source.root, name, share, true); err != nil {
		return err
	}
	err = pipeline(exec.CommandContext(ctx, "btrfs", "-q", "send", filepath.Join(w.source.pool.Path(), name)),
		w.ssh.command(ctx, w.space, fmt.Sprintf("btrfs -q receive '%s'", w.target.pool.Path())))
	return errors.Join(err, w.target.pool.SyncFS())
}

// wanResult is what one way reached.
type wanResult struct {
	times []time.Duration
	wire  []int64 // bytes of IP that left the source
}

// atLoss measures all ways in turn, and again.
func (w *wan) atLoss(ctx context.Context, loss float64, o options, t *table, log io.Writer) error {
	if err := w.line.Set(shaper.Profile{Delay: wanDelay, Rate: wanRate, Queue: wanQueue, Loss: loss}); err != nil {
		return err
	}
	ways := slices.DeleteFunc(w.ways(ctx), func(way wanWay) bool { return o.only != "" && way.name != o.only })
	results := make([]wanResult, len(ways))
	for n := range o.runs {
		for i := range ways {
			i = (i + n) % len(ways)
			if err := w.one(ctx, ways[i], &results[i]); err != nil {
				return fmt.Errorf("%s: %w", ways[i].name, err)
			}
			_, _ = fmt.Fprintf(log, "loss %v, run %d of %d, %s: %v\n", loss, n+1, o.runs, ways[i].name, results[i].times[n]) // only for who watches
		}
	}
	for i, way := range ways {
		t.wanRow(loss, way.name, w.bytes, results[i])
	}
	return nil
}

// one measures a way with data that no run had before.
func (w *wan) one(ctx context.Context, way wanWay, r *wanResult) error {
	w.runs++
	share := filepath.Join(w.source.pool.Path(), shareName)
	if err := btrfstest.Fill(share, 1, w.bytes, w.bytes, uint64(w.runs)); err != nil {
		return err
	}
	if err := w.source.pool.SyncFS(); err != nil {
		return err
	}
	if way.ready != nil {
		if err := way.ready(ctx); err != nil {
			return err
		}
	}
	before, _ := w.line.Counts()
	began := time.Now()
	if err := way.run(ctx); err != nil {
		return err
	}
	r.times = append(r.times, time.Since(began))
	after, _ := w.line.Counts()
	r.wire = append(r.wire, after.Bytes-before.Bytes)
	return nil
}
