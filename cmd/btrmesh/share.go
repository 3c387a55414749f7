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
	t := &table{columns: columns("SHARE", "POOL", ">REFERENCED", ">SNAPSHOTS", "REPLICATES TO", ">WORST LAG")}
	for _, share := range a.Value {
		t.add(false, word(share.Name), word(share.Pool), s.bytes(share.ReferencedBytes), whole(share.Snapshots),
			shareTargets(share.ReplicatesTo), lasting(share.WorstLagSeconds))
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
