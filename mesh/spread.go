package mesh

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// spreadTime is how long a member is tried that has to hear who is one.
const spreadTime = 5 * time.Second

// spreadDecisions brings each removal and admission signed here to all members that
// there is a connection with, at once. The gossip alone may spend itself on those
// who were removed, or are gone, and not known to be; then it takes seconds.
func (n *Node) spreadDecisions(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.urgent:
			n.spread(ctx)
		}
	}
}

func (n *Node) spread(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, spreadTime)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(surveyWidth)
	for _, l := range n.net.Links() {
		if !n.members.is(l.Peer) {
			continue
		}
		g.Go(func() error {
			if err := n.net.SyncRecords(ctx, l.Peer); err != nil {
				n.log.Debug("decision not brought", "peer", l.Peer.Short(), "err", err)
			}
			return nil
		})
	}
	_ = g.Wait() // whoever it failed with hears of it when it connects
}
