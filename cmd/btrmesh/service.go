package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

func serviceCommand() *cli.Command {
	return group("service", "the replication service of this appliance",
		leaf{
			name: "on", usage: "switch the replication service on", dry: true,
			run: func(s *session) error { return s.setService(true) },
		}.command(),
		leaf{
			name: "off", usage: "start no more runs and refuse incoming ones", dry: true,
			flags: []cli.Flag{&cli.BoolFlag{Name: "now", Usage: "also cancel running transfers at a checkpoint"}},
			run:   func(s *session) error { return s.setService(false) },
		}.command())
}

func (s *session) setService(on bool) error {
	a, err := s.client.SetService(s.ctx, control.SetService{On: on, Now: !on && s.has("now"), Dry: control.Dry{DryRun: s.dry}})
	return changed(s, a, err, a.Value.Plan, func(c control.ServiceChange) []string { return []string{serviceText(c)} })
}

// serviceText says what switching the service did.
func serviceText(c control.ServiceChange) string {
	switch {
	case c.Unchanged && c.On:
		return "The replication service is on already."
	case c.On:
		return "✓ replication service on. Tasks that are due start now."
	case c.Unchanged && c.CancelledRuns == 0:
		return "The replication service is off already."
	}
	switch {
	case c.CancelledRuns > 0:
		return fmt.Sprintf("✓ replication service off. %s at the next checkpoint; no new one starts, incoming runs are refused.",
			verb(c.CancelledRuns, "run", "stops", "stop"))
	case c.RunningRuns > 0:
		return fmt.Sprintf("✓ replication service off. %s on to %s end; no new one starts, incoming runs are refused.",
			verb(c.RunningRuns, "run", "goes", "go"), its(c.RunningRuns))
	}
	return "✓ replication service off. No run starts, incoming runs are refused."
}

// verb is "1 run goes" or "2 runs go".
func verb(n int64, noun, one, more string) string {
	if n == 1 {
		return control.Count(n, noun) + " " + one
	}
	return control.Count(n, noun) + " " + more
}

// its is the possessive of one thing, or of more.
func its(n int64) string {
	if n == 1 {
		return "its"
	}
	return "their"
}
