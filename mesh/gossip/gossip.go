package gossip

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"
	"golang.org/x/sync/errgroup"

	"btrmesh/certs"
)

// Linger is how long goroutines of memberlist may outlive Run with the default
// Timing: it ends no probe early, and one takes 2 × Timing.Probe at most. A
// process need not wait for them; a test in a synctest bubble must.
const Linger = 4 * time.Second

// Gossip is this appliance's part in the gossip of the mesh. All methods may be
// called concurrently, before, during and after Run.
type Gossip struct {
	c       Config
	roll    *roll
	names   *names
	line    *transport
	outbox  *outbox
	inbox   *inbox
	healer  *healer
	watches [2]*watch
	wakes   chan struct{} // see Wake
	looks   chan struct{} // somebody fell silent
	news    chan struct{} // there is something to tell
	counters
}

// New returns a Gossip that is silent until Run.
func New(c Config) (*Gossip, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	c.Timing = c.Timing.orDefault()
	g := &Gossip{
		c: c, roll: newRoll(), names: newNames(), watches: newWatches(),
		wakes: make(chan struct{}, 1), looks: make(chan struct{}, 1), news: make(chan struct{}, 1),
	}
	g.line = newTransport(c, g.roll, g.names, g.news, &g.counters)
	g.outbox = newOutbox(c.Self, &g.counters)
	g.inbox = newInbox(c, &g.counters)
	g.healer = newHealer(c, &g.counters)
	return g, nil
}

// Run gossips until ctx is done, then says goodbye, which takes Timing.Leave at
// most and needs the Network for as long, and returns nil. It may be called
// once. Members that do not answer are tried for ever.
//
// When it returns nothing is sent any more, but goroutines of memberlist may
// live on and call IsMember for as long as Linger.
func (g *Gossip) Run(ctx context.Context) error {
	g.outbox.size.Store(int64(len(g.c.Members()) + 1))
	g.line.serve(ctx)
	list, err := memberlist.Create(settings(g.c.Timing, g.line, &delegate{g}, logger{g.c.Log}))
	if err != nil {
		return fmt.Errorf("gossip: %w", err)
	}
	work, ctx := errgroup.WithContext(ctx)
	lasting, end := context.WithCancel(context.WithoutCancel(ctx))
	work.Go(func() error { return g.rounds(lasting, list) })
	work.Go(func() error { return g.inbox.run(ctx) })
	work.Go(func() error { return g.tell(ctx) })
	work.Go(func() error { return g.reconnect(ctx, list) })
	for _, w := range g.watches {
		work.Go(func() error { return g.keepWatch(ctx, list, w) })
	}
	for range healWorkers {
		work.Go(func() error { return g.healer.run(ctx) })
	}
	work.Go(func() error {
		defer end() // not before: a goodbye is news
		<-ctx.Done()
		return g.end(list)
	})
	return work.Wait()
}

// end leaves the mesh.
func (g *Gossip) end(list *memberlist.Memberlist) error {
	if err := list.Leave(g.c.Timing.Leave); err != nil {
		g.c.Log.Debug("goodbye not sent", "err", err)
	}
	if err := list.Shutdown(); err != nil {
		return fmt.Errorf("gossip: %w", err)
	}
	return nil
}

// tell passes on who changed, until ctx is done.
func (g *Gossip) tell(ctx context.Context) error {
	for {
		select {
		case <-g.roll.news:
		case <-ctx.Done():
			return nil
		}
		for id, l := range g.roll.take() {
			if !l.Answers() {
				wake(g.looks)
			}
			if g.c.Changed != nil {
				g.c.Changed(id, l)
			}
		}
	}
}

// Packet takes a packet the network got from a member, and owns b. It never
// blocks. addr is for the log.
func (g *Gossip) Packet(from certs.ID, addr netip.AddrPort, b []byte) { g.line.receive(from, addr, b) }

// Stream serves a stream a member opened, until it is done or ctx is, and
// closes conn.
func (g *Gossip) Stream(ctx context.Context, from certs.ID, conn net.Conn) {
	g.line.accept(ctx, from, conn)
}

// Broadcast spreads records at once to all members that answer. It keeps no
// reference to them and never blocks. A record above MaxRecord, and the most
// sent ones when too many wait, are left to Records.Sync.
func (g *Gossip) Broadcast(records [][]byte) {
	g.outbox.put(records)
	wake(g.news)
}

// Liveness returns what the mesh thinks of a member now; Unknown for others.
func (g *Gossip) Liveness(id certs.ID) Liveness { return g.roll.of(id) }

// Forget drops one that is no member any more: IsMember must say so already.
// It is Unknown at once, and no packet or stream goes to it or comes from it.
func (g *Gossip) Forget(id certs.ID) {
	g.roll.forget(id)
	g.healer.forget(id)
}

// Wake says that Members changed or an address was learned: silent members are
// tried now. It never blocks.
func (g *Gossip) Wake() { wake(g.wakes) }

// Stats returns what was counted so far.
func (g *Gossip) Stats() Stats { return g.stats() }
