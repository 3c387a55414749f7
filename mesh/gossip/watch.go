package gossip

import (
	"context"
	"time"

	"github.com/hashicorp/memberlist"

	"btrmesh/certs"
)

// The watch makes certain what memberlist leaves to chance: that somebody asks a
// member that stopped soon enough. From ringSize members on, each watches its two
// neighbours in the ring. It asks the one after it whenever nothing came from there
// for patienceAfter, and those questions tell the one after that its watcher lives:
// in the other direction, nothing is sent as long as all goes well.
//
// A neighbour that answers no question is accused before memberlist, which goes on
// as after a failed probe of its own: it suspects, tells all, and gives the accused
// time to object. One question takes as long as a probe, so what lives through
// memberlist's lives through these.
//
// Others cannot be asked in a member's stead, so a link must have worked to count:
// two members that never reach each other accuse nobody, and one that broke gives
// one accusation, not one for each question.
const (
	patienceAfter  = 2 * time.Second
	patienceBefore = 3 * time.Second  // > patienceAfter and the way
	proveEvery     = 10 * time.Second // a link that does not count
)

// watch is what is known of one neighbour. It has no clock and does nothing
// itself. One goroutine's alone, but moved.
type watch struct {
	moved    chan struct{} // the ring changed
	side     side
	patience time.Duration

	target certs.ID  // zero: nobody
	proven bool      // something came from it, and it has not been accused since
	asked  time.Time // last; zero: never
}

func newWatches() [2]*watch {
	return [2]*watch{
		{moved: make(chan struct{}, 1), side: after, patience: patienceAfter},
		{moved: make(chan struct{}, 1), side: before, patience: patienceBefore},
	}
}

// turn goes over to target, last heard then; zero: never since it last died.
func (w *watch) turn(target certs.ID, heard time.Time) {
	if target != w.target {
		w.target, w.proven, w.asked = target, !heard.IsZero(), time.Time{}
	}
}

// due returns when to ask the target, last heard then.
func (w *watch) due(heard time.Time) time.Time {
	switch {
	case !w.proven:
		return w.asked.Add(proveEvery)
	case w.asked.After(heard):
		return w.asked.Add(w.patience)
	default:
		return heard.Add(w.patience)
	}
}

// judge notes a question that began then, and reports whether to accuse: nothing
// came, neither the answer nor anything else.
func (w *watch) judge(asked time.Time, answered, heard bool) (accuse bool) {
	accuse = w.proven && !answered && !heard
	w.asked = asked
	w.proven = answered || w.proven && heard
	return accuse
}

// keepWatch watches one neighbour until ctx is done.
func (g *Gossip) keepWatch(ctx context.Context, list *memberlist.Memberlist, w *watch) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if w.target.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(w.due(g.roll.lastHeard(w.target))))
		}
		select {
		case <-w.moved:
			next := neighbour(g.c.Self, g.othersIn(list), w.side)
			w.turn(next, g.roll.lastHeard(next))
		case <-timer.C:
			g.look(ctx, list, w)
		case <-ctx.Done():
			return nil
		}
	}
}

// look asks the neighbour, unless something came from it meanwhile.
func (g *Gossip) look(ctx context.Context, list *memberlist.Memberlist, w *watch) {
	asked := time.Now()
	if w.due(g.roll.lastHeard(w.target)).After(asked) {
		return
	}
	answered := g.question(ctx, list, w.target)
	heard := g.roll.lastHeard(w.target).After(asked)
	if w.judge(asked, answered, heard) && ctx.Err() == nil {
		g.roll.doubt(w.target, asked)
		g.accuse(ctx, w.target)
	}
}

// othersIn returns the others that memberlist does not hold dead.
func (g *Gossip) othersIn(list *memberlist.Memberlist) []certs.ID {
	var ids []certs.ID
	for _, name := range g.othersOn(list) {
		if id, err := g.names.id(name); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}
