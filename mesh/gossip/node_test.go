package gossip

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"btrmesh/certs"
)

// node is one running appliance of a sim.
type node struct {
	sim     *sim
	id      certs.ID
	g       *Gossip
	records *records
	stop    context.CancelFunc
	ended   chan struct{}
	ctx     context.Context //nolint:containedctx // that its streams are served under

	packets, packetBytes, streamBytes atomic.Int64 // sent

	mu   sync.Mutex
	told map[certs.ID][]State // by Changed
}

func (n *node) others() []certs.ID {
	n.sim.mu.Lock()
	defer n.sim.mu.Unlock()
	var out []certs.ID
	for _, id := range n.sim.ids {
		if id != n.id && n.sim.member[id] {
			out = append(out, id)
		}
	}
	return out
}

func (n *node) changed(id certs.ID, l Liveness) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told[id] = append(n.told[id], l.State)
}

func (n *node) heardOf(id certs.ID) []State {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.told[id])
}

// SendPacket implements Network.
func (n *node) SendPacket(to certs.ID, b []byte) {
	n.packets.Add(1)
	n.packetBytes.Add(int64(len(b)))
	if len(b) > MaxPacket {
		n.sim.t.Errorf("packet of %d bytes", len(b))
	}
	d, ok := n.sim.way(n.id, to)
	if !ok || n.sim.lost() {
		return
	}
	b = bytes.Clone(b)
	time.AfterFunc(d, func() {
		if peer := n.sim.at(to); peer != nil {
			peer.g.Packet(n.id, netip.MustParseAddrPort("198.51.100.1:7945"), b)
		}
	})
}

// OpenGossip implements Network.
func (n *node) OpenGossip(ctx context.Context, to certs.ID) (net.Conn, error) {
	d, ok := n.sim.way(n.id, to)
	_, back := n.sim.way(to, n.id)
	peer := n.sim.at(to)
	if !ok || !back || peer == nil {
		<-ctx.Done() // as a dial of what does not answer
		return nil, context.Cause(ctx)
	}
	time.Sleep(2 * d)
	ours, theirs := net.Pipe()
	go peer.g.Stream(peer.ctx, n.id, &pipe{Conn: theirs, from: peer, to: n.id})
	return &pipe{Conn: ours, from: n, to: to}, nil
}

// pipe is a stream that takes time and can be cut.
type pipe struct {
	net.Conn
	from *node
	to   certs.ID
}

var errCut = errors.New("cut")

func (p *pipe) Write(b []byte) (int, error) {
	p.from.streamBytes.Add(int64(len(b)))
	d, ok := p.from.sim.way(p.from.id, p.to)
	if !ok {
		return 0, errCut
	}
	time.Sleep(d)
	return p.Conn.Write(b)
}
