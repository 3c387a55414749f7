package main

import (
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

// pingInterval is between two pings.
const pingInterval = time.Second

func pingCommand() *cli.Command {
	return leaf{
		name: "ping", usage: "measure the way to an appliance", args: []string{"APPLIANCE"}, run: runPing,
		flags: []cli.Flag{countFlag("count", []string{"c"}, 5, "ask `N` times")},
	}.command()
}

// runPing asks again and again. A question without an answer is told of, and
// the command fails in the end; any other error ends it.
func runPing(s *session) error {
	total, lost := s.count("count"), int64(0)
	for i := range total {
		if i > 0 && !s.pause(pingInterval) {
			return exitError(control.ExitInterrupted)
		}
		err := s.ping()
		if err == nil {
			continue
		}
		lost++
		e, ok := errors.AsType[*control.Error](err)
		if !ok || e.Code != control.CodePeerUnreachable || lost == total {
			return err
		}
		if err := s.note("%s", e.Msg); err != nil {
			return err
		}
	}
	if lost > 0 {
		return control.Errorf(control.CodePeerUnreachable, "%d of %s had no answer.", lost, control.Count(total, "question"))
	}
	return nil
}

// ping asks once.
func (s *session) ping() error {
	a, err := s.client.Ping(s.ctx, control.ApplianceRequest{Appliance: s.arg(0)})
	switch {
	case err != nil:
		return err
	case s.json:
		return s.raw(a.Raw)
	}
	p := a.Value
	return s.say("%s (%s) at %s: %s", p.Appliance, shortID(p.ID).text, p.Address, control.Duration(control.Seconds(p.RTTSeconds)))
}

// pause waits, and tells whether nothing interrupted it.
func (s *session) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}
