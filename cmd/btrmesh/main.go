// Command btrmesh replicates btrfs shares between NAS appliances. It is both
// the daemon of an appliance and the command line that talks to it.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"

	"btrmesh/mesh/control"
)

// version is set by the linker when a release is built.
var version = "0.1.0-dev"

func main() { os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr)) }

// run is the whole program: it returns the exit code. Every error is printed
// here, once.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := execute(args, stdin, stdout, stderr)
	if err == nil {
		return control.ExitOK
	}
	if silent, ok := errors.AsType[exitError](err); ok {
		return int(silent)
	}
	e := cure(control.AsError(err), args)
	text := []byte(e.Text())
	if wantsJSON(args) {
		text = e.JSON()
	}
	if _, err := stderr.Write(text); err != nil {
		return control.ExitFailure // there is nobody left to tell
	}
	return e.Exit
}

// execute parses the line and runs its command.
func execute(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	app := newApp(args)
	app.Reader, app.Writer, app.ErrWriter = stdin, stdout, stderr
	ordered, err := reorder(app, args)
	if err != nil {
		return err
	}
	return app.RunContext(context.Background(), ordered)
}

// exitError ends the program with a code and without another word: what there
// is to say was said.
type exitError int

func (exitError) Error() string { return "" }

// wantsJSON tells whether errors are to be JSON; it must work for a line that
// cannot be parsed.
func wantsJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
}
