package mesh

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"btrmesh/btrfs"
	"btrmesh/mesh/plan"
	"btrmesh/stream"
)

// companionTime is how long a run that could send waits for those that may turn
// out to send the same, and again for their targets to say go.
const companionTime = 2 * time.Second

// fanout is one send that the runs of one or several targets follow.
//
//	gathering → opening → flowing → over
//	    └──────────┴────────────────↗
//
//	gathering  runs join, until none is awaited any more or companionTime is over
//	opening    the first byte is there: the followers say begin to their targets
//	flowing    the stream goes to those whose target said go in time
//	over       the send has ended, well or not; targets may still be at work
//
// Who could not follow in time, or falls behind, sends by itself. A follower that
// leaves does the others no harm; with the last one the send ends.
type fanout struct {
	all     *fanouts
	first   plan.Sender
	pool    *Pool
	request btrfs.SendRequest
	feed    *stream.Feed
	cancel  context.CancelCauseFunc
	opened  chan struct{} // closed when opening begins
	flowing chan struct{} // closed when flowing begins: with is final
	written chan struct{} // closed when all of the stream is in the feed
	over    chan struct{} // closed at the end
	err     error         // why the send failed; set before over is closed
	with    []string      // the tasks that get the stream; set before flowing is closed

	// Under the lock of all.
	followers []*follower
	opening   bool
}

func newFanout(all *fanouts, first plan.Sender, pool *Pool, r btrfs.SendRequest, cancel context.CancelCauseFunc) *fanout {
	return &fanout{
		all: all, first: first, pool: pool, request: r, feed: stream.NewFeed(all.log), cancel: cancel,
		opened: make(chan struct{}), flowing: make(chan struct{}), written: make(chan struct{}), over: make(chan struct{}),
	}
}

// errDeserted ends a send that nobody follows any more.
var errDeserted = errors.New("no run follows the send any more")

// run carries the fanout to its end.
func (g *fanout) run(ctx context.Context) {
	defer close(g.over)
	defer g.cancel(nil)
	g.gather(ctx)
	if g.err = g.send(ctx); g.err != nil {
		g.disband()
		g.feed.Abort(g.err)
	}
}

// disband makes it unknown again what the followers send, before they hear why: if
// they start over, each waits for the others.
func (g *fanout) disband() {
	g.all.mu.Lock()
	defer g.all.mu.Unlock()
	for _, m := range g.followers {
		if s, live := g.all.senders[m.task]; live {
			s.Stream = plan.Stream{}
			g.all.senders[m.task] = s
		}
	}
	g.all.turned()
}

// gather waits for those that are awaited, for a while.
func (g *fanout) gather(ctx context.Context) {
	g.all.await(ctx, companionTime, func() bool { return !g.all.expects(g) })
	g.all.mu.Lock()
	defer g.all.mu.Unlock()
	if g.all.gathering[g.first.Stream] == g {
		delete(g.all.gathering, g.first.Stream)
	}
}

// send makes the stream. Nobody is told of it before its first byte: until then
// it may turn out that it differs from the one begun.
func (g *fanout) send(ctx context.Context) error {
	w := &lateWriter{Writer: g.feed, begin: func() error { return g.open(ctx) }}
	if _, err := g.pool.Send(ctx, w, g.request); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	close(g.written)
	// A target hears that all was sent when its run has recorded it.
	g.all.await(ctx, 0, func() bool { return g.count(following) == 0 })
	return g.feed.End()
}

// open lets the followers begin with their targets, and the stream flow when the
// first one follows and the others do or have had time to.
func (g *fanout) open(ctx context.Context) error {
	g.all.mu.Lock()
	g.opening = true
	close(g.opened)
	g.all.mu.Unlock()
	g.all.await(ctx, 0, func() bool { return g.count(following) > 0 || g.count(joined) == 0 })
	g.all.await(ctx, companionTime, func() bool { return g.count(joined) == 0 })
	g.all.mu.Lock()
	defer g.all.mu.Unlock()
	g.opening = false
	for _, m := range g.followers {
		if m.state == following {
			g.with = append(g.with, m.task)
		}
	}
	slices.Sort(g.with)
	close(g.flowing)
	if len(g.with) == 0 {
		return errDeserted
	}
	return context.Cause(ctx)
}

// count is called with the lock held.
func (g *fanout) count(s followerState) int {
	n := 0
	for _, m := range g.followers {
		if m.state == s {
			n++
		}
	}
	return n
}
