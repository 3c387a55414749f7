package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

// pingInterval is between two pings.
const pingInterval = time.Second

func pingCommand() *cli.Command {
	return leaf{
		name: "ping", usage: "measure the way to an appliance", args: []string{"APPLIANCE"}, run: runPing,
		flags: []cli.Flag{
			countFlag("count", []string{"c"}, 5, "ask `N` times"),
			&cli.BoolFlag{Name: "data", Usage: "measure what lanes carry, for 2 s each"},
		},
	}.command()
}

// runPing asks again and again. A question without an answer is told of, and
// the command fails in the end; any other error ends it.
func runPing(s *session) error {
	if s.has("data") {
		return s.throughput()
	}
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
	return s.say("%s (%s) at %s: %s", p.Appliance, shortID(p.ID).text, overTCP(p.Address, p.Transport), control.Duration(control.Seconds(p.RTTSeconds)))
}

// overTCP adds to an address that it is reached over TCP, which is the exception.
func overTCP(address, transport string) string {
	if transport == control.TCP {
		return address + " over tcp"
	}
	return address
}

// throughput measures once, with both kinds of lane.
func (s *session) throughput() error {
	a, err := s.client.Throughput(s.ctx, control.ApplianceRequest{Appliance: s.arg(0)})
	switch {
	case err != nil:
		return err
	case s.json:
		return s.raw(a.Raw)
	}
	for _, l := range a.Value.Lanes {
		if err := s.say("%s", s.laneLine(l)); err != nil {
			return err
		}
	}
	if a.Value.Reason == "" {
		return s.say("lanes  %s", a.Value.Use)
	}
	return s.say("lanes  %s", a.Value.Reason)
}

// laneLine tells what one lane carried: quic   118.2 MiB/s, 0.4ms, no loss.
func (s *session) laneLine(l control.LaneThroughput) string {
	if l.Error != "" {
		return fmt.Sprintf("%-6s no: %s", l.Kind, l.Error)
	}
	loss := "no loss"
	if l.LossPercent >= 0.01 {
		loss = fmt.Sprintf("%.2g %% loss", l.LossPercent)
	}
	text := fmt.Sprintf("%-6s %s, %s, %s", l.Kind, s.units.Rate(float64(l.BytesPerSecond)), control.Duration(control.Seconds(l.RTTSeconds)), loss)
	if l.Congestion != "" {
		text += " (" + l.Congestion + ")"
	}
	return text
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
