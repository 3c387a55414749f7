package main

import (
	"github.com/urfave/cli/v2"

	"btrmesh/mesh/control"
)

func shareCommand() *cli.Command {
	return group("share", "the writable subvolumes of pools",
		leaf{
			name: "list", aliases: []string{"ls"}, usage: "list shares and where they are replicated to", flags: whereFlags(), slow: true,
			run: runShareList,
		}.command())
}

func runShareList(s *session) error {
	if err := s.where(); err != nil {
		return err
	}
	a, err := s.client.Shares(s.ctx, control.SharesRequest{On: s.text("on"), All: s.has("all")})
	if err != nil {
		return err
	}
	titles := []string{"SHARE", "POOL", ">REFERENCED", ">SNAPSHOTS", "REPLICATES TO", ">WORST LAG"}
	if s.has("all") {
		titles = append([]string{"APPLIANCE"}, titles...)
	}
	t := &table{columns: columns(titles...)}
	for _, share := range a.Value {
		cells := []cell{
			word(share.Name), word(share.Pool), s.bytes(share.ReferencedBytes), whole(share.Snapshots),
			shareTargets(share.ReplicatesTo), lasting(share.WorstLagSeconds),
		}
		if s.has("all") {
			cells = append([]cell{word(share.Appliance)}, cells...)
		}
		t.add(s.has("all") && share.Self, cells...)
	}
	if err := s.silences(a.Head); err != nil {
		return err
	}
	return s.list(a.Raw, t, "No share is here. Make one: btrfs subvolume create POOLPATH/NAME")
}

// shareTargets is a cell of where a share goes: "nas-b ok, nas-c late".
func shareTargets(list []control.ShareTarget) cell {
	names := make([]string, 0, len(list))
	for _, t := range list {
		names = append(names, t.Appliance+" "+string(t.State))
	}
	return words(names)
}
