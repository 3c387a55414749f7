package main

import (
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// pty is a pseudo-terminal whose output is collected.
type pty struct {
	tty    *os.File // for the program under test
	person *os.File // the other end
	output chan string
}

// newPTY opens a pseudo-terminal (pty(7)) of a width.
func newPTY(width int) (*pty, error) {
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	fd := int(control.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, err
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, err
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: uint16(width)}); err != nil {
		return nil, err
	}
	tty, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	p := &pty{tty: tty, person: control, output: make(chan string, 1)}
	go func() {
		text, err := io.ReadAll(control) // ends with EIO when the terminal is closed
		_ = err
		p.output <- strings.ReplaceAll(string(text), "\r\n", "\n")
		_ = control.Close()
	}()
	return p, nil
}

// typed types a line ahead of the program that reads it.
func (p *pty) typed(line string) error {
	_, err := io.WriteString(p.person, line+"\n")
	return err
}

// finish closes the terminal and returns what was written to it.
func (p *pty) finish() (string, error) {
	err := p.tty.Close()
	return <-p.output, err
}

func TestTerminalTellsItsWidth(t *testing.T) {
	p, err := newPTY(77)
	if err != nil {
		t.Fatal(err)
	}
	s := newScreen(p.tty, true)
	if !s.terminal || s.width != 77 || s.colour {
		t.Errorf("screen is %+v", s)
	}
	if _, err := io.WriteString(p.tty, "hello\n"); err != nil {
		t.Error(err)
	}
	if got, err := p.finish(); got != "hello\n" || err != nil {
		t.Errorf("terminal got %q, %v", got, err)
	}
}
