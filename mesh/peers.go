package mesh

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"btrmesh/certs"
	"btrmesh/mesh/gossip"
	"btrmesh/state"
	"btrmesh/stream"
)

const (
	// lookInterval is how often it is looked who is there.
	lookInterval = 3 * time.Second
	// quietAfter is how long nothing may come over a connection until it alone is
	// no sign of life. The gossip's probes keep it busy in a small mesh.
	// With two looks on top it is less than the ten by which a kill is to be seen.
	quietAfter = 2 * time.Second
	// askInterval is how often a peer that is there is asked how it is.
	askInterval = time.Minute
	// askTimeout is when a peer that does not answer is not waited for any more.
	askTimeout = 4 * time.Second
	// seenInterval bounds how often "last seen" is written to the store.
	seenInterval = 10 * time.Minute
	// closeMesh is the size of a mesh up to which every member is asked how it is,
	// and every connection kept alive, without a task between the two.
	closeMesh = 32
)

// peerView is what is known of a peer now. It is a hint for people: nothing is
// deleted, refused or trusted because of it.
type peerView struct {
	online  bool
	info    stream.Info
	address string
	tcp     bool // its connection goes through TCP, as UDP gets no answer
	rtt     time.Duration
	offset  time.Duration // its clock minus ours
	seen    time.Time     // last sign of life
	back    time.Time     // when it was found to answer after it had not
	asked   time.Time     // how it is
	stored  time.Time     // when seen was last written to the store
	why     error         // of not answering
	shut    time.Time     // since when it does not count us as a member; zero: it does, or nothing is known
	outside string        // why, in its words; empty: it does not know us

	sights   sights    // of its instances, by their connections
	received uint64    // bytes over the connection, when they last grew
	grown    time.Time // when that was
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

// change applies fn to the view of one peer, and returns it as it was and is.
func (p *peers) change(id certs.ID, fn func(*peerView)) (before, after peerView) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before = p.views[id]
	after = before
	fn(&after)
	p.views[id] = after
	return before, after
}

func (p *peers) forget(id certs.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.views, id)
}

// watchPeers looks who is there, for ever. A peer that came back is found by the
// gossip, or finds us.
func (n *Node) watchPeers(ctx context.Context) error {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	var asking errgroup.Group
	asking.SetLimit(surveyWidth)
	for ctx.Err() == nil {
		n.lookAll(ctx, &asking)
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-n.look:
		}
	}
	return asking.Wait()
}

// lookAll brings the views up to date, and asks who came or was not asked lately.
func (n *Node) lookAll(ctx context.Context, asking *errgroup.Group) {
	links, all := map[certs.ID]stream.Link{}, map[certs.ID][]stream.Link{}
	for _, l := range n.net.Links() {
		links[l.Peer] = l
	}
	for _, l := range n.net.AllLinks() {
		all[l.Peer] = append(all[l.Peer], l)
	}
	members, now := n.others(), time.Now()
	asked := n.worthAsking(len(members))
	for _, m := range members {
		l, linked := links[m.ID]
		before, view := n.peers.change(m.ID, func(v *peerView) {
			n.lookAt(v, m.ID, l, linked, now)
			v.sights = v.sights.look(all[m.ID], now)
		})
		n.reportPeer(m, before, view)
		if view.online && now.Sub(view.asked) >= askInterval && asked(m.ID) {
			n.peers.change(m.ID, func(v *peerView) { v.asked = now })
			asking.TryGo(func() error {
				n.ask(ctx, m)
				return nil
			})
		}
	}
}

// worthAsking tells whom this appliance asks how they are, with so many others in
// the mesh.
func (n *Node) worthAsking(others int) func(certs.ID) bool {
	if others < closeMesh {
		return func(certs.ID) bool { return true }
	}
	partners := n.partners()
	return func(id certs.ID) bool { return partners[id] }
}

// lookAt judges one peer by what its connection and the gossip show.
func (n *Node) lookAt(v *peerView, id certs.ID, l stream.Link, linked bool, now time.Time) {
	if linked && l.Received != v.received {
		v.received, v.grown = l.Received, now
	}
	if linked {
		v.linked(l)
	}
	fresh := linked && now.Sub(v.grown) < quietAfter
	if fresh {
		v.shut, v.outside = time.Time{}, ""
	}
	v.online = fresh || n.liveness(id).Answers()
	if !v.online {
		v.back = time.Time{}
		return
	}
	v.seen, v.why = now, nil
	if v.back.IsZero() {
		v.back = now
	}
}

// linked notes the connection to a peer.
func (v *peerView) linked(l stream.Link) {
	v.rtt, v.tcp = l.RTT, l.TCP
	if dialable(l) {
		v.address = l.Addr
	}
}

// dialable says whether the peer may listen where l comes from.
func dialable(l stream.Link) bool { return l.Dialled || !l.TCP }

// liveness is what the gossip says of a member.
func (n *Node) liveness(id certs.ID) gossip.Liveness {
	if g := n.chat.Load(); g != nil {
		return g.Liveness(id)
	}
	return gossip.Liveness{}
}

// partners are the peers with a task or a replica between them and us.
func (n *Node) partners() map[certs.ID]bool {
	partners := map[certs.ID]bool{}
	err := n.store.View(func(tx *state.Tx) error {
		tasks, err := tx.Tasks()
		for _, t := range tasks {
			partners[t.Target] = true
		}
		replicas, more := tx.Replicas()
		for _, r := range replicas {
			partners[r.Source] = true
		}
		return errors.Join(err, more)
	})
	if err != nil {
		n.log.Error("partners not listed", "err", err)
	}
	return partners
}

// hold says whether an idle connection to a peer is kept alive. In a large mesh
// only those are that runs go over.
func (n *Node) hold(id certs.ID) bool {
	return len(n.members.fold().Members) <= closeMesh || n.partners()[id]
}

// reportPeer acts on a peer that came, went or moved.
func (n *Node) reportPeer(m certs.Member, before, now peerView) {
	switch {
	case now.online && !before.online:
		n.log.Info("appliance online", "peer", m.Name, "address", now.address)
		n.rememberPeer(m, now)
		n.wakeUp() // tasks that failed against it come back to it
	case !now.online && before.online:
		n.log.Warn("appliance offline", "peer", m.Name, "gossip", n.liveness(m.ID).State)
	case now.online && now.address != before.address && now.address != "":
		n.log.Info("appliance at another address", "peer", m.Name, "address", now.address)
		n.rememberPeer(m, now)
	}
}

// rememberPeer stores where and as what a peer was last seen.
func (n *Node) rememberPeer(m certs.Member, view peerView) {
	err := n.store.Update(func(tx *state.Tx) error {
		p, _, err := tx.Peer(m.ID)
		if err != nil {
			return err
		}
		p.ID, p.Name, p.Version, p.LastSeen = m.ID, m.Name, m.Description.Version, view.seen.UTC()
		if view.address != "" {
			p.LastAddress = view.address
		}
		if p.Paired.IsZero() {
			p.Paired = m.Admitted
		}
		return tx.PutPeer(p)
	})
	if err != nil {
		n.log.Warn("peer not remembered", "peer", m.Name, "err", err)
		return
	}
	n.peers.change(m.ID, func(v *peerView) { v.stored = view.seen })
}

// peerName returns the name of an appliance, or the short form of its ID.
func (n *Node) peerName(tx *state.Tx, id certs.ID) string {
	if id == n.me {
		return n.name()
	}
	if name := nameIn(n.members.fold(), id); name != id.Short() {
		return name
	}
	if p, ok, err := tx.Peer(id); err == nil && ok && p.Name != "" {
		return p.Name
	}
	return id.Short()
}
