package main

import (
	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

func applianceCommand() *cli.Command {
	return group("appliance", "the appliances of the mesh",
		leaf{
			name: "list", aliases: []string{"ls"}, usage: "list the appliances of the mesh",
			flags: []cli.Flag{&cli.BoolFlag{Name: "all", Usage: "also those that were removed"}},
			run:   runApplianceList,
		}.command())
}

func runApplianceList(s *session) error {
	a, err := s.client.Appliances(s.ctx, control.AppliancesRequest{All: s.has("all")})
	if err != nil {
		return err
	}
	t := &table{columns: columns("NAME", "=STATE", "ADDRESS", "=ID", "=VERSION", "=CLOCK", "=PAIRED", ">SENDS", ">RECEIVES")}
	for _, m := range a.Value {
		t.add(m.Self, word(m.Name), applianceState(m), word(m.Address), shortID(m.ID), word(m.Version),
			offset(m.ClockOffsetSeconds), s.on(m.PairedAt), whole(m.Sends), whole(m.Receives))
	}
	return s.list(a.Raw, t, "No appliance is known. Pair one: sudo btrmesh pair invite")
}

// applianceState is a cell with its colour.
func applianceState(a control.Appliance) cell {
	c := word(a.State)
	switch a.State {
	case control.Online:
		c.tone = good
	case control.Offline, control.Removed:
		c.tone = bad
	}
	return c
}

// shortIDLen is how much of an ID people compare.
const shortIDLen = 7

// shortID is a cell of an ID: its beginning for a person, all for a program.
func shortID(id string) cell {
	c := word(id)
	if len(id) > shortIDLen {
		c.text = id[:shortIDLen]
	}
	return c
}
