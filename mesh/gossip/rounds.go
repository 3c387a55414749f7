package gossip

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
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
	var turns turns
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
		g.round(list, &turns)
		if !rest(ctx, next) {
			return nil
		}
	}
}

// round asks some members whether they live: a question takes along what memberlist
// and the outbox have to tell. Who does not answer is left to memberlist's probes.
func (g *Gossip) round(list *memberlist.Memberlist, turns *turns) {
	drain(g.news) // all until now goes with this one
	var asked errgroup.Group
	for _, name := range turns.take(g.othersOn(list), roundWidth) {
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

// turns says which round each had its last turn in. By going round, one that has
// something to tell has told all of up to ten after three rounds; of members taken by
// lot, an accused one may be left out until it is dead.
type turns struct {
	round int
	last  map[string]int
}

// take returns n of names, or all, that had no turn for longest. It reorders names.
func (t *turns) take(names []string, n int) []string {
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(t.last[a], t.last[b]) })
	last := make(map[string]int, len(names)) // without those that are gone
	for _, name := range names {
		last[name] = t.last[name]
	}
	names = names[:min(n, len(names))]
	t.round++
	for _, name := range names {
		last[name] = t.round
	}
	t.last = last
	return names
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
