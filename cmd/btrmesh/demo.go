package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"btrmesh/mesh/control"
)

func demoCommand() *cli.Command {
	return leaf{
		name: "demo", usage: "see it work: three daemons on this machine, on throw-away btrfs images", run: runDemo,
		flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "fill the share with a copy of `DIR` (default: 256 MiB of the system's own files)"},
			&cli.BoolFlag{Name: "once", Usage: "end after the last step, do not wait for Ctrl-C"},
			&cli.StringFlag{Name: "keep", Usage: "work in `DIR`, which is new or empty, and leave images and logs there"},
		},
	}.command()
}

// What a demo fails with; the exit code is 1 unless it is set.
const (
	codeDemoFailed   = "demo_failed"
	codeDemoNeeds    = "demo_needs" // root, btrfs, loop devices
	codeDemoNoSpace  = "demo_no_space"
	codeDemoBadPlace = "demo_bad_place"
)

// demo is one demonstration. Its story is told in demo_story.go.
type demo struct {
	text       *transcript
	tree       demoTree
	place      demoPlace
	once       bool
	appliances []*demoAppliance // nas-a first, which holds the share
	began      time.Time
	changed    time.Time // when the share was changed last; zero: not yet
	compared   int       // digests found equal
}

// runDemo also ends by a terminal that goes away and by a reader that does: any
// other end would leave mounts behind.
func runDemo(s *session) error {
	if err := checkRoot(os.Geteuid()); err != nil {
		return err
	}
	tree, err := chooseTree(s.text("from"))
	if err != nil {
		return control.Usage("%v.", err)
	}
	place, err := makePlace(s.text("keep"), os.Getenv("TMPDIR"))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(s.ctx, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	d := demo{text: &transcript{out: s.out, units: s.units}, tree: tree, place: place, once: s.has("once"), began: time.Now()}
	return d.run(ctx)
}

func checkRoot(euid int) error {
	if euid == 0 {
		return nil
	}
	e := control.Errorf(codeDemoNeeds, "the demo needs root, since it mounts three file systems of its own.").Hint("sudo btrmesh demo")
	e.Exit = control.ExitNotAllowed
	return e
}

// run plays the demo. Whatever happens, nothing stays mounted or running.
func (d *demo) run(ctx context.Context) (err error) {
	defer func() { err = withCleanup(err, d.clean()) }()
	if err := d.prepare(ctx); err != nil {
		return whyEnded(ctx, err)
	}
	return d.withDaemons(ctx, d.tell)
}

// withDaemons calls story while every appliance runs, and ends the context of
// the story when one of them does.
func (d *demo) withDaemons(ctx context.Context, story func(context.Context) error) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	daemons, stop := context.WithCancel(context.WithoutCancel(ctx))
	var g errgroup.Group
	defer func() {
		stop()
		err = withCleanup(err, g.Wait())
	}()
	for _, a := range d.appliances {
		g.Go(func() error {
			err := a.daemon(daemons)
			cancel(err)
			return err
		})
	}
	return whyEnded(ctx, story(ctx))
}

// clean unmounts the pools and, unless they are to be kept, removes all files.
func (d *demo) clean() error {
	var errs []error
	for _, a := range d.appliances {
		errs = append(errs, a.unmount())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w; once nothing uses it: sudo rm -r %s", err, d.place.dir)
	}
	return d.place.remove()
}

// whyEnded replaces what failed for the reason that everything ended: a daemon
// died, or somebody interrupted.
func whyEnded(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	if died, ok := errors.AsType[*control.Error](context.Cause(ctx)); ok {
		return died
	}
	return control.Errorf(control.CodeInterrupted, "interrupted.")
}

// withCleanup adds to err what went wrong afterwards.
func withCleanup(err, cleanup error) error {
	switch {
	case cleanup == nil || errors.Is(err, cleanup):
		return err
	case err == nil:
		return demoFailed(cleanup)
	}
	return control.AsError(err).Fact("then: %v", cleanup)
}

// demoFailed makes an error for the operator of err, unless it is one.
func demoFailed(err error) error {
	if e, ok := errors.AsType[*control.Error](err); ok {
		return e
	}
	return control.Errorf(codeDemoFailed, "the demo failed: %v.", err).
		Fact("with --keep the daemons' logs stay").Hint("sudo btrmesh demo --keep DIR")
}
