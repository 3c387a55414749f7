package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
	"btrmesh/stream"
)

func versionCommand() *cli.Command {
	return leaf{
		name: "version", usage: "show the version of this program", run: runVersion,
		flags: []cli.Flag{&cli.BoolFlag{Name: "all", Usage: "ask every appliance for its version"}},
	}.command()
}

// runVersion asks nobody, unless told to: it is about this program.
func runVersion(s *session) error {
	if s.has("all") {
		return s.versions()
	}
	v := control.Version{Version: version, Go: runtime.Version(), Protocol: int64(stream.Protocol().Max)}
	if s.json {
		return s.encode("version", v)
	}
	return s.say("btrmesh %s, %s, protocol %d", v.Version, v.Go, v.Protocol)
}

// versions lists what every appliance runs.
func (s *session) versions() error {
	a, err := s.client.Versions(s.ctx)
	if err != nil {
		return err
	}
	t := &table{columns: columns("APPLIANCE", "=STATE", "=VERSION", "=PROTOCOL", "=AS OF")}
	for _, v := range a.Value {
		t.add(v.Self, word(v.Appliance), applianceState(control.Appliance{State: v.State}), word(v.Version), protocols(v), asOf(v.AsOf, a.Time))
	}
	if err := s.silences(a.Head); err != nil {
		return err
	}
	return s.list(a.Raw, t, "No appliance is known.")
}

// protocols is a cell of what an appliance speaks: "2", "1-2".
func protocols(v control.ApplianceVersion) cell {
	switch {
	case v.Protocol == 0:
		return word("")
	case v.LeastProtocol == 0 || v.LeastProtocol == v.Protocol:
		return whole(v.Protocol)
	}
	return word(fmt.Sprintf("%d-%d", v.LeastProtocol, v.Protocol))
}

// encode prints an answer that no daemon gave.
func (s *session) encode(kind string, v any) error {
	line, err := control.Encode(control.NewHead(kind, "", time.Now()), v)
	if err != nil {
		return err
	}
	_, err = s.out.w.Write(line)
	return err
}
