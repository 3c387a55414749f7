package mesh

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"btrmesh/btrfs"
	"btrmesh/mesh/plan"
)

// fanouts brings runs that send the same stream together. Safe for concurrent
// use.
type fanouts struct {
	log *slog.Logger

	mu        sync.Mutex
	changed   chan struct{}           // closed and replaced at each change of what follows, or of a fanout
	senders   map[string]plan.Sender  // the live runs by task
	gathering map[plan.Stream]*fanout // that take followers
}

func newFanouts(log *slog.Logger) *fanouts {
	return &fanouts{
		log: log, changed: make(chan struct{}),
		senders: map[string]plan.Sender{}, gathering: map[plan.Stream]*fanout{},
	}
}

// turned wakes all that await something. It is called with the lock held.
func (f *fanouts) turned() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// tell makes known how far a run has come.
func (f *fanouts) tell(s plan.Sender) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.senders[s.Task] = s
	f.turned()
}

// forget ends what is known of a run: it is over, or has nothing to send.
func (f *fanouts) forget(task string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.senders, task)
	f.turned()
}

// await returns when so holds, when the time is over (0: never), or with ctx. so
// is called with the lock held.
func (f *fanouts) await(ctx context.Context, limit time.Duration, so func() bool) {
	var late <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	for {
		f.mu.Lock()
		done, changed := so(), f.changed
		f.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-late:
			return
		case <-ctx.Done():
			return
		}
	}
}

// join makes a run follow the fanout of its stream, which begins if there is
// none. The caller leaves, and then waits. The values of ctx serve the sending,
// its end does not end it.
func (f *fanouts) join(ctx context.Context, s plan.Sender, pool *Pool, r btrfs.SendRequest) *follower {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.senders[s.Task] = s
	g := f.gathering[s.Stream]
	if g == nil {
		ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
		g = newFanout(f, s, pool, r, cancel)
		f.gathering[s.Stream] = g
		go g.run(ctx) // the last to leave waits for it
	}
	m := &follower{of: g, task: s.Task, state: joined}
	g.followers = append(g.followers, m)
	f.turned()
	return m
}

// expects tells whether a run that could join g is on its way. It is called with
// the lock held.
func (f *fanouts) expects(g *fanout) bool {
	for _, other := range f.senders {
		if bond, _ := plan.Company(g.first, other); bond == plan.Awaited {
			return true
		}
	}
	return false
}
