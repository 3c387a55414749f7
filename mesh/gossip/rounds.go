package gossip

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/memberlist"
	"golang.org/x/sync/errgroup"
)

const (
	// roundWidth is how many members a round goes to.
	roundWidth = 3
	// gatherTime is how long a round waits for memberlist to have read the packet
	// that caused it.
	gatherTime = 20 * time.Millisecond
)

// rounds spread what there is to tell, until ctx is done: one as soon as there is
// news, and another after Timing.Gossip if that one had any to carry. Without news
// there are none; memberlist's own ticker, which they replace, wakes the process
// all day to find that nothing happened.
func (g *Gossip) rounds(ctx context.Context, list *memberlist.Memberlist) error {
	for {
		select {
		case <-g.news:
		case <-ctx.Done():
			return nil
		}
		if !rest(ctx, time.After(gatherTime)) {
			return nil
		}
		next := time.After(g.c.Timing.Gossip)
		g.round(list)
		if !rest(ctx, next) {
			return nil
		}
	}
}

// round asks some members whether they live: a question takes along what memberlist
// and the outbox have to tell. Who does not answer is left to memberlist's probes.
func (g *Gossip) round(list *memberlist.Memberlist) {
	drain(g.news) // all until now goes with this one
	var asked errgroup.Group
	for _, name := range pick(g.othersOn(list), roundWidth) {
		asked.Go(func() error {
			_ = pinged(list, name)
			return nil
		})
	}
	_ = asked.Wait()
}

// othersOn returns the names of the others that memberlist does not hold dead.
func (g *Gossip) othersOn(list *memberlist.Memberlist) []string {
	var names []string
	for _, n := range list.Members() {
		if n.Name != g.c.Self.String() {
			names = append(names, n.Name)
		}
	}
	return names
}

// pick returns n of names, or all, in any order. It reorders names.
func pick(names []string, n int) []string {
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names[:min(n, len(names))]
}

// rest waits for over, and reports whether it came before the end of ctx.
func rest(ctx context.Context, over <-chan time.Time) bool {
	select {
	case <-over:
		return true
	case <-ctx.Done():
		return false
	}
}

// drain takes the note out of a channel of one place.
func drain(c <-chan struct{}) {
	select {
	case <-c:
	default:
	}
}
