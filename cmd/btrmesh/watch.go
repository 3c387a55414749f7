package main

import (
	"fmt"
	"time"

	"btrmesh/mesh/control"
)

// Terminal sequences (ECMA-48): to the upper left corner, and erase what is
// below.
const (
	home       = "\x1b[H"
	eraseBelow = "\x1b[J"
)

// watch calls show again and again until Ctrl-C: in place on a terminal, else
// as blocks with the time above.
func (s *session) watch(show func() error) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		if err := s.frame(show); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return exitError(control.ExitInterrupted)
		}
	}
}

// frame shows one round.
func (s *session) frame(show func() error) error {
	switch {
	case s.json:
	case s.out.terminal:
		if _, err := fmt.Fprint(s.out.w, home+eraseBelow); err != nil {
			return err
		}
	default:
		if err := s.say("== %s", s.local(time.Now()).Format(time.DateTime)); err != nil {
			return err
		}
	}
	return show()
}
