// Command bench measures btrmesh beside the tools it stands in for, on btrfs
// images and in network namespaces of its own that it removes in the end:
//
//	sudo go run ./test/bench receive     send and receive in one process, beside btrfs-progs
//	sudo go run ./test/bench transfer    two daemons over loopback, beside btrfs-progs, zstd and ssh
//	sudo go run ./test/bench wan         the same over a long line with losses
//	sudo go run ./test/bench fanout      one share to one, two and three targets
//
// Measurements are interleaved and last until everything is on disk; medians are
// printed, with the least and the most.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) } //nolint:forbidigo // this is main

// run returns the exit code: 0, 1 for a failure, 2 for a line that is wrong.
func run(args []string, stdout, stderr io.Writer) int {
	measure := benchOf(args)
	if measure == nil {
		fmt.Fprintln(stderr, "usage: bench receive|transfer|wan|fanout [-runs N] [-only NAME] [-scale F] [-loss F] [-dir DIR] [-tree DIR]") //nolint:errcheck // nobody is left to tell
		return 2
	}
	o, err := parseOptions(args, stderr)
	if err != nil {
		return 2
	}
	// Caught for good: whatever is mounted has to be released first.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE) //nolint:forbidigo // this is main
	defer stop()
	if err := measure(ctx, o, stdout, stderr); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		fmt.Fprintf(stderr, "bench: %v\n", err) //nolint:errcheck // nobody is left to tell
		return 1
	}
	return 0
}

// benchOf returns the bench that a line begins with; nil: there is none.
func benchOf(args []string) func(ctx context.Context, o options, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return nil
	}
	switch args[0] {
	case "receive":
		return benchReceive
	case "transfer":
		return benchTransfer
	case "wan":
		return benchWAN
	case "fanout":
		return benchFanout
	}
	return nil
}

// options are the flags.
type options struct {
	runs  int     // of each measurement
	only  string  // name of a data set; "": all
	scale float64 // of the sizes of all data sets
	dir   string  // for the images; "": the fastest place with room
	tree  string  // source tree to copy; "": Go's own
	ssh   bool    // beside ours
	loss  float64 // of the line, 0..1; below 0: each of those that wan knows
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench "+args[0], flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.runs, "runs", 5, "measure everything `N` times")
	f.StringVar(&o.only, "only", "", "measure the data set `NAME` alone")
	f.Float64Var(&o.scale, "scale", 1, "multiply the sizes of the data sets by `F`")
	f.StringVar(&o.dir, "dir", "", "put the images into `DIR` (default: /dev/shm if it has room, else TMPDIR)")
	f.StringVar(&o.tree, "tree", "", "copy the source tree `DIR` (default: that of Go)")
	if args[0] != "receive" {
		f.BoolVar(&o.ssh, "ssh", true, "measure ssh beside btrmesh")
	}
	most := 1.0
	if args[0] == "wan" {
		f.Float64Var(&o.loss, "loss", -1, "measure a line that loses the part `F` of its packets alone")
		most = 8
	}
	err := f.Parse(args[1:])
	switch {
	case err != nil:
		return o, err // f said it
	case f.NArg() > 0:
		err = fmt.Errorf("unknown argument %q", f.Arg(0))
	case o.runs < 1 || o.scale <= 0 || o.scale > most:
		err = fmt.Errorf("-runs is at least 1, -scale above 0 and at most %v", most)
	case o.loss >= 1:
		err = errors.New("-loss is below 1")
	}
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err) //nolint:errcheck // nobody is left to tell
	}
	return o, err
}
