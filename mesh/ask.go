package mesh

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"btrmesh/certs"
	"btrmesh/stream"
)

// askMembers asks those that are there how they are, and waits for it.
func (n *Node) askMembers(ctx context.Context, list []certs.Member) {
	ctx, cancel := context.WithTimeout(ctx, surveyTime)
	defer cancel()
	var g errgroup.Group
	g.SetLimit(surveyWidth)
	for _, m := range list {
		if !n.peers.get(m.ID).online {
			continue
		}
		g.Go(func() error {
			n.ask(ctx, m)
			return nil
		})
	}
	_ = g.Wait() // ask reports by the view it leaves
}

// ask asks one peer how it is.
func (n *Node) ask(ctx context.Context, m certs.Member) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	sent := time.Now()
	info, err := n.info(ctx, m.ID)
	_, view := n.peers.change(m.ID, func(v *peerView) {
		if v.asked, v.why = sent, err; err == nil {
			n.answered(v, info, m.ID, sent)
		}
	})
	if err != nil {
		n.log.Debug("appliance does not say how it is", "peer", m.Name, "err", err)
		return
	}
	if view.seen.Sub(view.stored) > seenInterval {
		n.rememberPeer(m, view)
	}
}

// answered notes what a peer said of itself.
func (n *Node) answered(v *peerView, info stream.Info, id certs.ID, sent time.Time) {
	now := time.Now()
	v.online, v.info, v.seen, v.rtt = true, info, now, now.Sub(sent)
	v.offset = info.Time.Sub(sent.Add(v.rtt / 2))
	for _, l := range n.net.Links() {
		if l.Peer == id {
			v.linked(l)
		}
	}
}
