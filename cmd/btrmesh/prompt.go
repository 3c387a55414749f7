package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"btrmesh/mesh/control"
)

// maxTyped bounds what is read as the answer to a question.
const maxTyped = 256

// confirm says what is about to happen and has the name of its subject typed,
// unless --yes was given. Without a terminal to ask it is an error. noun is what
// the subject is: "appliance".
func (s *session) confirm(noun, name string, lines ...string) error {
	if s.has("yes") {
		return nil
	}
	if f, ok := s.in.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) || !s.err.terminal {
		return control.NeedsYes(s.line.Command.Name)
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(control.Plain(line) + "\n")
	}
	if _, err := fmt.Fprintf(s.err.w, "%sType the name of the %s to go on: ", b.String(), noun); err != nil {
		return err
	}
	typed, err := s.typed()
	if err != nil {
		return err
	}
	if typed != name {
		return control.NotConfirmed(name)
	}
	return nil
}

// typed returns a line from the terminal. After Ctrl-C the read is left behind:
// nothing ends it, but the process ends next.
func (s *session) typed() (string, error) {
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := bufio.NewReader(io.LimitReader(s.in, maxTyped)).ReadString('\n')
		read <- line{strings.TrimSpace(text), err}
	}()
	select {
	case l := <-read:
		if l.err != nil && !errors.Is(l.err, io.EOF) {
			return "", fmt.Errorf("read answer: %w", l.err)
		}
		return l.text, nil
	case <-s.ctx.Done():
		return "", exitError(control.ExitInterrupted)
	}
}
