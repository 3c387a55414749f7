package gossip

import (
	"context"
	"time"

	"github.com/hashicorp/memberlist"
	"golang.org/x/sync/errgroup"

	"btrmesh/certs"
)

const (
	joinsAtOnce = 8
	lookEvery   = 15 * time.Second // at who is silent, if nothing tells
)

// joined tells how a try to join a member went.
type joined struct {
	id       certs.ID
	answered bool
}

// reconnect tries silent members until ctx is done. memberlist has no such
// loop: it probes and tells only those it holds alive, so without one a
// partition longer than GossipToTheDeadTime would last for ever.
func (g *Gossip) reconnect(ctx context.Context, list *memberlist.Memberlist) error {
	var (
		tries   = newRetries(g.c.Timing, g.c.Random)
		results = make(chan joined, joinsAtOnce)
		work    errgroup.Group
		timer   = time.NewTimer(0)
		running = 0
	)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-g.looks:
		case <-g.wakes:
			tries.keep(g.silent(), time.Now())
			tries.hurry(time.Now())
		case r := <-results:
			running--
			g.joined(tries, r)
		case <-ctx.Done():
			return work.Wait()
		}
		now := time.Now()
		tries.keep(g.silent(), now)
		for _, id := range tries.due(now, joinsAtOnce-running) {
			running++
			work.Go(func() error {
				results <- joined{id, g.join(list, id)}
				return nil
			})
		}
		timer.Reset(pause(tries, running, now))
	}
}

// pause returns how long there is nothing to begin.
func pause(tries *retries, running int, now time.Time) time.Duration {
	next, ok := tries.next()
	if !ok || running == joinsAtOnce {
		return lookEvery
	}
	return min(next.Sub(now), lookEvery)
}

// joined notes the end of a try. When a member is back, others may be as well.
func (g *Gossip) joined(tries *retries, r joined) {
	now := time.Now()
	tries.done(r.id, r.answered, now)
	if r.answered && g.roll.of(r.id).Answers() {
		tries.hurry(now)
	}
}

// silent returns the members that do not answer.
func (g *Gossip) silent() []certs.ID {
	members := g.c.Members()
	g.outbox.size.Store(int64(len(members) + 1))
	var out []certs.ID
	for _, id := range members {
		if id != g.c.Self && !g.roll.of(id).Answers() {
			out = append(out, id)
		}
	}
	return out
}

// join exchanges state with a member and reports whether it answered. It ends
// with the transport, or after twice Timing.Dial.
func (g *Gossip) join(list *memberlist.Memberlist, id certs.ID) bool {
	g.counters.joins.Add(1)
	if _, err := list.Join([]string{joinTarget(id)}); err != nil {
		return false
	}
	g.reconcile(list)
	return true
}

// reconcile enters members that memberlist holds alive and the roll has lost:
// they were forgotten and are members again.
func (g *Gossip) reconcile(list *memberlist.Memberlist) {
	for _, n := range list.Members() {
		id, err := g.names.id(n.Name)
		if err == nil && id != g.c.Self && g.c.IsMember(id) && g.roll.of(id).State == Unknown {
			g.roll.become(id, Alive)
		}
	}
}
