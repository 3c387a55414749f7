package main

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

// runArgs runs one line in this process, in which the library must not exit.
func runArgs(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	exiter := cli.OsExiter
	cli.OsExiter = func(code int) { t.Errorf("%q: the library exits with %d", args, code) }
	defer func() { cli.OsExiter = exiter }()
	var out, errs bytes.Buffer
	code = run(append([]string{"btrmesh"}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// fakeSocket serves a fake daemon until the test ends.
func fakeSocket(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s.sock")
	ctx, cancel := context.WithCancel(context.Background())
	_, done := newFake(ctx, socket, control.Change)
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return socket
}

func TestTheLibraryIsCured(t *testing.T) {
	socket := fakeSocket(t)
	for _, c := range []struct {
		line   []string
		code   int
		stdout string // a part of it; empty: nothing
		stderr string
	}{
		{[]string{"task", "add", "photos", "--to", "nas-b", "--pool", "tank", "--every", "300"}, 0, "photos → nas-b:tank every 300 s", ""},
		{[]string{"task", "add", "photos", "--to", "--every", "300"}, 2, "", "error: --to needs a value.\n"},
		{[]string{"task", "add", "--every", "300", "photos", "--to", "nas-b", "--pool", "tank"}, 0, "every 300 s", ""},
		{[]string{"tsak"}, 2, "", `error: there is no command "tsak". Did you mean task?` + "\n"},
		{[]string{"task", "frob"}, 2, "", `error: there is no command "task frob".` + "\n"},
		{[]string{"task"}, 2, "", "  add        replicate a share"},
		{[]string{"task", "add", "--bogus"}, 2, "", "error: task add has no flag --bogus.\n"},
		{[]string{"task", "add", "photos"}, 2, "", "error: task add needs --to, --pool and --every.\n"},
		{[]string{"task", "history", "h"}, 5, "", `no task "h"`},
		{[]string{"task", "show", "help"}, 5, "", `no task "help"`},
		{[]string{"task", "show", "--help", "x"}, 0, "btrmesh task show", ""},
		{[]string{"task", "history", "vm", "-n", "0x10"}, 2, "", `cannot read --limit "0x10"`},
		{[]string{"task", "history", "vm", "-n", "03", "--no-header"}, 0, "\n410\t", ""},
		{[]string{"pool", "allow", "tank", "nas-a", "--share", "a,b"}, 0, "only a,b. Undo", ""},
		{[]string{"status", "-wq"}, 2, "", "error: status has no flag -wq.\n"},
		{[]string{"help"}, 2, "", `no command "help"`},
		{[]string{"h"}, 2, "", `no command "h"`},
		{[]string{}, 2, "", "btrmesh needs a command."},
		{[]string{"--version"}, 0, "btrmesh " + version, ""},
		{[]string{"task", "list", "extra"}, 2, "", `task list does not take "extra".`},
		{[]string{"task", "show", ""}, 2, "", "TASK of task show is empty."},
		{[]string{"task", "list", "--json=maybe"}, 2, "", "error: invalid boolean value"},
		{[]string{"task", "history", "vm", "-n", "1", "--limit", "2"}, 2, "", "error: Cannot use two forms"},
	} {
		line := append(c.line, "--socket", socket)
		if len(c.line) == 0 {
			line = nil
		}
		t.Run(strings.Join(c.line, " "), func(t *testing.T) {
			code, stdout, stderr := runArgs(t, line...)
			if code != c.code {
				t.Errorf("exit is %d, want %d", code, c.code)
			}
			wantPart(t, "stdout", stdout, c.stdout)
			wantPart(t, "stderr", stderr, c.stderr)
		})
	}
}

// wantPart checks that text has a part, or is empty when that is.
func wantPart(t *testing.T, name, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) || (part == "") != (text == "") {
		t.Errorf("%s is %q, want %q", name, text, part)
	}
}

func TestEveryCommandOfTheTreeIsCured(t *testing.T) {
	walk(t, nil, newApp(nil).Commands)
}

// walk tries each command with an unknown child, an unknown flag, and help.
func walk(t *testing.T, path []string, children []*cli.Command) {
	t.Helper()
	for _, c := range children {
		here := append(slices.Clip(path), c.Name)
		t.Run(strings.Join(here, " "), func(t *testing.T) {
			wantRefused(t, append(here, "--no-such-flag")...)
			wantRefused(t, append(here, "no", "such", "arguments", "at-all")...)
			if len(c.Subcommands) > 0 {
				wantRefused(t, here...)
			}
			code, stdout, stderr := runArgs(t, append(here, "x", "--help")...)
			if code != 0 || !strings.Contains(stdout, strings.Join(here, " ")) || stderr != "" {
				t.Errorf("help exits with %d, prints %q and %q", code, stdout, stderr)
			}
			if !c.HideHelpCommand || c.OnUsageError == nil || c.Action == nil {
				t.Error("command is not made by leaf or group")
			}
		})
		walk(t, here, c.Subcommands)
	}
}

// wantRefused checks that a line is a usage error with a clean stdout.
func wantRefused(t *testing.T, args ...string) {
	t.Helper()
	code, stdout, stderr := runArgs(t, args...)
	if code != 2 || stdout != "" || !strings.HasPrefix(stderr, "btrmesh: error: ") {
		t.Errorf("%q exits with %d, prints %q and %q", args, code, stdout, stderr)
	}
}
