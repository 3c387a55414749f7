package mesh

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"btrmesh/certs"
	"btrmesh/state"
	"btrmesh/stream"
)

const (
	// askInterval is how often each peer is asked how it is.
	askInterval = 5 * time.Second
	// askTimeout is when a peer that does not answer counts as offline.
	askTimeout = 4 * time.Second
	// seenInterval bounds how often "last seen" is written to the store.
	seenInterval = 10 * time.Minute
)

// peerView is what is known of a peer now. It is a hint for people: nothing is
// deleted, refused or trusted because of it.
type peerView struct {
	online  bool
	info    stream.Info
	address string
	rtt     time.Duration
	offset  time.Duration // its clock minus ours
	seen    time.Time     // last answer
	stored  time.Time     // when seen was last written to the store
	why     error         // of being offline
}

// peers holds the views. Safe for concurrent use.
type peers struct {
	mu    sync.Mutex
	views map[certs.ID]peerView
}

func newPeers() *peers { return &peers{views: map[certs.ID]peerView{}} }

func (p *peers) get(id certs.ID) peerView {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.views[id]
}

func (p *peers) set(id certs.ID, v peerView) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.views[id] = v
}

// watchPeers asks every peer how it is, for ever: a peer that was away is found
// again without anybody's help.
func (n *Node) watchPeers(ctx context.Context) error {
	tick := time.NewTicker(askInterval)
	defer tick.Stop()
	for {
		n.askAll(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (n *Node) askAll(ctx context.Context) {
	list, err := n.storedPeers()
	if err != nil {
		n.log.Error("peers not listed", "err", err)
		return
	}
	var g errgroup.Group
	for _, p := range list {
		g.Go(func() error {
			n.ask(ctx, p)
			return nil
		})
	}
	_ = g.Wait() // ask reports by the view it leaves
}

// ask updates the view of one peer.
func (n *Node) ask(ctx context.Context, p state.Peer) peerView {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	before := n.peers.get(p.ID)
	sent := time.Now()
	info, err := n.info(ctx, p.ID)
	view := before
	if err != nil {
		view.online, view.why = false, err
	} else {
		view = n.answered(before, info, p.ID, sent)
	}
	n.reportPeer(p, before, view)
	if err == nil && view.seen.Sub(view.stored) > seenInterval {
		view.stored = view.seen
		n.rememberPeer(p.ID, view)
	}
	n.peers.set(p.ID, view)
	return view
}

func (n *Node) answered(before peerView, info stream.Info, id certs.ID, sent time.Time) peerView {
	now := time.Now()
	view := peerView{online: true, info: info, seen: now, rtt: now.Sub(sent), stored: before.stored}
	view.offset = info.Time.Sub(sent.Add(view.rtt / 2))
	for _, l := range n.net.Links() {
		if l.Peer == id {
			view.address, view.rtt = l.Addr, l.RTT
		}
	}
	return view
}

func (n *Node) reportPeer(p state.Peer, before, now peerView) {
	switch {
	case now.online && !before.online:
		n.log.Info("appliance online", "peer", p.Name, "address", now.address)
		n.retrySoon(p.ID)
	case !now.online && before.online:
		n.log.Warn("appliance offline", "peer", p.Name, "err", now.why)
	}
}

// backSoon is how long after a peer came back its failed tasks are tried again,
// at the most: not all at once.
const backSoon = 5 * time.Second

// retrySoon has the tasks that failed against a peer tried again, now that it is
// back.
func (n *Node) retrySoon(peer certs.ID) {
	err := n.store.Update(func(tx *state.Tx) error {
		tasks, err := tx.Tasks()
		if err != nil {
			return err
		}
		for _, t := range tasks {
			if t.Target != peer || t.Failures == 0 {
				continue
			}
			soon := time.Now().UTC().Add(time.Duration(n.random() * float64(backSoon)))
			if soon.Before(t.NextTry) {
				t.NextTry = soon
			}
			if err := tx.PutTask(t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		n.log.Error("retries not brought forward", "peer", peer.Short(), "err", err)
	}
	n.wakeUp()
}

// rememberPeer stores where and as what a peer was last seen.
func (n *Node) rememberPeer(id certs.ID, view peerView) {
	err := n.store.Update(func(tx *state.Tx) error {
		p, ok, err := tx.Peer(id)
		if err != nil || !ok {
			return err
		}
		p.LastSeen, p.LastAddress, p.Version = view.seen.UTC(), view.address, view.info.Version
		if certs.CheckName(view.info.Name) == nil {
			p.Name = view.info.Name
		}
		return tx.PutPeer(p)
	})
	if err != nil {
		n.log.Warn("peer not remembered", "peer", id.Short(), "err", err)
	}
}

func (n *Node) storedPeers() ([]state.Peer, error) {
	var list []state.Peer
	err := n.store.View(func(tx *state.Tx) (err error) {
		list, err = tx.Peers()
		return err
	})
	return list, err
}

// isMember is asked on every handshake and every stream.
func (n *Node) isMember(id certs.ID) bool {
	member := false
	err := n.store.View(func(tx *state.Tx) (err error) {
		_, member, err = tx.Peer(id)
		return err
	})
	return err == nil && member
}

// addresses lists where a peer may be reached: where it was last, then where it
// said it listens.
func (n *Node) addresses(id certs.ID) []string {
	var list []string
	err := n.store.View(func(tx *state.Tx) error {
		p, ok, err := tx.Peer(id)
		if err != nil || !ok {
			return err
		}
		if p.LastAddress != "" {
			list = append(list, p.LastAddress)
		}
		for _, a := range p.Addresses {
			if a != p.LastAddress {
				list = append(list, a)
			}
		}
		return nil
	})
	if err != nil {
		n.log.Error("addresses not readable", "peer", id.Short(), "err", err)
	}
	return list
}

// peerName returns the name of an appliance, or the short form of its ID.
func (n *Node) peerName(tx *state.Tx, id certs.ID) string {
	if id == n.me {
		return n.name()
	}
	if p, ok, err := tx.Peer(id); err == nil && ok {
		return p.Name
	}
	return id.Short()
}

// Packet implements stream.Handler: there is no gossip to take it.
func (n *Node) Packet(certs.ID, netip.AddrPort, []byte) {}

// Gossip implements stream.Handler: there is no gossip to talk.
func (n *Node) Gossip(context.Context, certs.ID, net.Conn) {}

// noRecords is the set without a membership record.
type noRecords struct{}

// Digest implements stream.Records.
func (noRecords) Digest() [32]byte { return [32]byte{} }

// Hashes implements stream.Records.
func (noRecords) Hashes() [][32]byte { return nil }

// Records implements stream.Records.
func (noRecords) Records([][32]byte) [][]byte { return nil }

// Merge implements stream.Records; it takes nothing.
func (noRecords) Merge(context.Context, certs.ID, [][]byte) error { return nil }
