package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"btrmesh/mesh/control"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"btrmesh": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               setupScript,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"term": cmdTerm, "types": cmdTypes, "exits": cmdExits},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
	})
}

// setupScript starts two daemons for a script: one it may change, and at
// $READER one it may only read.
func setupScript(env *testscript.Env) error {
	ctx, cancel := context.WithCancel(context.Background())
	socket, reader := filepath.Join(env.WorkDir, "s.sock"), filepath.Join(env.WorkDir, "r.sock")
	_, all := newFake(ctx, socket, control.Change)
	_, readable := newFake(ctx, reader, control.Read)
	env.Defer(func() {
		cancel()
		for _, done := range []<-chan error{all, readable} {
			if err := <-done; err != nil {
				env.T().Log("fake daemon: ", err)
			}
		}
	})
	env.Setenv("BTRMESH_SOCKET", socket)
	env.Setenv("READER", reader)
	env.Setenv("TZ", "UTC")
	env.Setenv("TERM", "xterm")
	env.Setenv("NO_COLOR", "1")
	return nil
}

// cmdTerm runs `term WIDTH ARG...`: btrmesh on a terminal. What it prints goes
// to the files screen (stdout) and messages (stderr).
func cmdTerm(ts *testscript.TestScript, neg bool, args []string) {
	onTerminal(ts, neg, "", args)
}

// cmdTypes runs `types TEXT WIDTH ARG...`: as term, with TEXT typed at the
// terminal, where it is echoed among the messages.
func cmdTypes(ts *testscript.TestScript, neg bool, args []string) {
	onTerminal(ts, neg, args[0], args[1:])
}

// onTerminal is term, and types unless typed is empty.
func onTerminal(ts *testscript.TestScript, neg bool, typed string, args []string) {
	width, err := strconv.Atoi(args[0])
	ts.Check(err)
	out, err := newPTY(width)
	ts.Check(err)
	messages, err := newPTY(width)
	ts.Check(err)
	cmd := exec.Command("btrmesh", args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), out.tty, messages.tty
	if typed != "" {
		ts.Check(messages.typed(typed))
		cmd.Stdin = messages.tty
	}
	for _, name := range []string{"BTRMESH_SOCKET", "TZ", "TERM", "NO_COLOR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	runErr := cmd.Run()
	for name, p := range map[string]*pty{"screen": out, "messages": messages} {
		text, err := p.finish()
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
	if failed := runErr != nil; failed != neg {
		ts.Fatalf("btrmesh %v: %v", args[1:], runErr)
	}
}

// cmdExits runs `exits CODE ARG...`: btrmesh, which must exit with CODE. What
// it prints goes to the files out and err.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd := exec.Command("btrmesh", args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"BTRMESH_SOCKET", "TZ", "NO_COLOR", "BTRMESH_STATE", "BTRMESH_CONFIG"} {
		if v := ts.Getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	out, err := os.Create(ts.MkAbs("out"))
	ts.Check(err)
	messages, err := os.Create(ts.MkAbs("err"))
	ts.Check(err)
	cmd.Stdout, cmd.Stderr = out, messages
	_ = cmd.Run() // judged by its code
	ts.Check(out.Close())
	ts.Check(messages.Close())
	if got := cmd.ProcessState.ExitCode(); (got == want) == neg {
		text, err := os.ReadFile(ts.MkAbs("err"))
		ts.Check(err)
		ts.Fatalf("btrmesh %v exits with %d, want %d: %s", args[1:], got, want, text)
	}
}
