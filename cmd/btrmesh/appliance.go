package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

func applianceCommand() *cli.Command {
	one := []string{"APPLIANCE"}
	return group("appliance", "the appliances of the mesh",
		leaf{
			name: "list", aliases: []string{"ls"}, usage: "list the appliances of the mesh",
			flags: []cli.Flag{&cli.BoolFlag{Name: "all", Usage: "also those that were removed, with who removed them"}},
			run:   runApplianceList,
		}.command(),
		leaf{name: "show", usage: "show one appliance in full", args: one, run: runApplianceShow}.command(),
		leaf{name: "rename", usage: "call this appliance otherwise", args: []string{"NEW"}, dry: true, run: runApplianceRename}.command(),
		leaf{
			name: "address", usage: "try an address (HOST[:PORT]) for an appliance, or no longer", dry: true,
			args: []string{"APPLIANCE", "add|remove", "ADDRESS"}, run: runApplianceAddress,
		}.command(),
		leaf{
			name: "lanes", usage: "choose what carries data to an appliance: quic, tcp, or what is better", dry: true,
			args: []string{"APPLIANCE", "quic|tcp|auto"}, run: runApplianceLanes,
		}.command(),
		leaf{
			name: "limit", usage: "bound what goes from here to an appliance, all runs together", dry: true,
			args: []string{"APPLIANCE", "RATE|off"}, run: runApplianceLimit,
		}.command(),
		leaf{
			name: "remove", usage: "remove an appliance from the mesh for good", args: one, dry: true, run: runApplianceRemove,
			flags: []cli.Flag{
				&cli.BoolFlag{Name: "lost", Usage: "it may be in foreign hands"},
				&cli.StringSliceFlag{Name: "also", Usage: "also remove `NAME`, which it admitted; may be repeated"},
			},
		}.command(),
		leaf{name: "keep", usage: "keep an appliance here, whatever others decide", args: one, dry: true, run: runApplianceKeep}.command())
}

func runApplianceList(s *session) error {
	a, err := s.client.Appliances(s.ctx, control.AppliancesRequest{All: s.has("all")})
	if err != nil {
		return err
	}
	titles := []string{"NAME", "=STATE", "ADDRESS", "=ID", "=VERSION", "=CLOCK", "=PAIRED", ">SENDS", ">RECEIVES"}
	if s.has("all") {
		titles = append(titles, "REMOVED")
	}
	t := &table{columns: columns(titles...)}
	for _, m := range a.Value {
		cells := []cell{
			word(m.Name), applianceState(m), word(overTCP(m.Address, m.Transport)), shortID(m.ID), word(m.Version),
			offset(m.ClockOffsetSeconds), s.on(m.PairedAt), whole(m.Sends), whole(m.Receives),
		}
		if s.has("all") {
			cells = append(cells, word(s.removalText(m.Removal)))
		}
		t.add(m.Self, cells...)
	}
	return s.list(a.Raw, t, "No appliance is known. Pair one: sudo btrmesh pair invite")
}

// removalText is "by nas-b 2026-11-20 (lost), kept here".
func (s *session) removalText(r *control.Removal) string {
	if r == nil {
		return ""
	}
	text := "by " + r.By
	if r.Reason == control.ReasonLeft {
		text = "by itself"
	}
	if !r.At.IsZero() {
		text += " " + s.on(r.At).text
	}
	if r.Reason == control.ReasonLost || r.Reason == control.ReasonCompromised {
		text += " (" + string(r.Reason) + ")"
	}
	if r.Kept {
		text += ", kept here"
	}
	return text
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

func runApplianceRename(s *session) error {
	a, err := s.client.RenameAppliance(s.ctx, control.RenameAppliance{Name: s.arg(0), Dry: control.Dry{DryRun: s.dry}})
	return changed(s, a, err, a.Value.Plan, renamedLines)
}

// renamedLines says what renaming this appliance did.
func renamedLines(r control.Renamed) []string {
	if r.Unchanged {
		return []string{"this appliance is called " + r.Name + " already."}
	}
	return []string{"✓ this appliance is now called " + r.Name + "; it was " + r.Old + ".", "  Tasks and replicas keep their names."}
}

func runApplianceAddress(s *session) error {
	verb := s.arg(1)
	if verb != "add" && verb != "remove" {
		return withUsage(s.line, control.Usage("%s adds or removes; it cannot %q.", groupName(s.line), verb))
	}
	a, err := s.client.ChangeAddress(s.ctx, control.ChangeAddress{
		Appliance: s.arg(0), Address: s.arg(2), Remove: verb == "remove", Dry: control.Dry{DryRun: s.dry},
	})
	return changed(s, a, err, a.Value.Plan, addressLines)
}

// addressLines says what became of an address.
func addressLines(c control.AddressChange) []string {
	switch {
	case c.Unchanged:
		return []string{c.Address + " is an address of " + c.Appliance + " already."}
	case c.Removed:
		return []string{"✓ " + c.Address + " is no longer tried for " + c.Appliance + ".", "  left: " + addressList(c.Addresses)}
	}
	return []string{"✓ " + c.Address + " is tried for " + c.Appliance + " from now on.", "  all: " + addressList(c.Addresses)}
}

// addressList is "192.168.1.11:7945 (in use), 10.0.0.11:7945 (added)".
func addressList(list []control.Address) string {
	words := make([]string, 0, len(list))
	for _, a := range list {
		words = append(words, a.Address+" ("+a.From+")")
	}
	if len(words) == 0 {
		return "none is known"
	}
	return strings.Join(words, ", ")
}
