package gossip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"btrmesh/certs"
)

// Gossip is this appliance's part in the gossip of the mesh. All methods may be
// called concurrently, before, during and after Run.
type Gossip struct {
	c    Config
	roll *roll
	counters
}

// New returns a Gossip that is silent until Run.
func New(c Config) (*Gossip, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	c.Timing = c.Timing.orDefault()
	return &Gossip{c: c, roll: newRoll()}, nil
}

// Run gossips until ctx is done, then says goodbye, which takes Timing.Leave at
// most, and returns nil. It may be called once. Silent members are tried for
// ever.
func (g *Gossip) Run(ctx context.Context) error { return errors.New("gossip: not yet") }

// Packet takes a packet the network got from a member, and owns b. It never
// blocks. addr is for the log.
func (g *Gossip) Packet(from certs.ID, addr netip.AddrPort, b []byte) {}

// Stream serves a stream a member opened, until it is done or ctx is, and
// closes conn.
func (g *Gossip) Stream(ctx context.Context, from certs.ID, conn net.Conn) { _ = conn.Close() }

// Broadcast spreads records at once to all members that answer. It keeps no
// reference to them and never blocks. A record above MaxRecord, and the oldest
// ones when too many wait, are left to Records.Sync.
func (g *Gossip) Broadcast(records [][]byte) {}

// Liveness returns what the mesh thinks of a member now; Unknown for others.
func (g *Gossip) Liveness(id certs.ID) Liveness { return g.roll.of(id) }

// Forget drops one that is no member any more: IsMember must say so already.
// It is Unknown at once, and no packet or stream goes to it or comes from it.
func (g *Gossip) Forget(id certs.ID) { g.roll.forget(id) }

// Wake says that Members changed or an address was learned: silent members are
// tried now. It never blocks.
func (g *Gossip) Wake() {}

// Stats returns what was counted so far.
func (g *Gossip) Stats() Stats { return g.stats() }
