package mesh

import (
	"context"
	"net"
	"net/netip"

	"btrmesh/certs"
	"btrmesh/mesh/gossip"
)

// runGossip gossips in the mesh of this appliance, from when it is in one, and in
// another one when it has joined that.
func (n *Node) runGossip(ctx context.Context) error {
	for ctx.Err() == nil {
		mesh := n.members.mesh()
		if mesh.IsZero() {
			select {
			case <-ctx.Done():
			case <-n.moved:
			}
			continue
		}
		if err := n.gossipIn(ctx, mesh); err != nil {
			return err
		}
	}
	return nil
}

// gossipIn gossips until this appliance is in that mesh no more, or ctx is done.
func (n *Node) gossipIn(ctx context.Context, mesh certs.MeshID) error {
	g, err := gossip.New(gossip.Config{
		Self: n.me, Mesh: mesh, Members: n.otherIDs, IsMember: n.members.is, Network: n.net,
		Records: records{n.members, n}, Changed: func(certs.ID, gossip.Liveness) { notify(n.look) },
		Log: n.log, Random: n.random,
	})
	if err != nil {
		return err
	}
	n.chat.Store(g)
	defer n.chat.Store(nil)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	for {
		select {
		case err := <-ended:
			return err
		case <-n.moved:
			if n.members.mesh() != mesh {
				cancel()
			}
		}
	}
}

func (n *Node) otherIDs() []certs.ID {
	var list []certs.ID
	for id := range n.members.fold().Members {
		if id != n.me {
			list = append(list, id)
		}
	}
	return list
}

// records is the membership as gossip.Records.
type records struct {
	*members
	node *Node
}

// Sync implements gossip.Records.
func (r records) Sync(ctx context.Context, with certs.ID) error {
	return r.node.net.SyncRecords(ctx, with)
}

// Packet implements stream.Handler.
func (n *Node) Packet(peer certs.ID, from netip.AddrPort, b []byte) {
	if g := n.chat.Load(); g != nil {
		g.Packet(peer, from, b)
	}
}

// Gossip implements stream.Handler.
func (n *Node) Gossip(ctx context.Context, peer certs.ID, conn net.Conn) {
	if g := n.chat.Load(); g != nil {
		g.Stream(ctx, peer, conn)
	}
}
